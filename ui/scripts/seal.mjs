// Seals a build: checks its budgets, and writes the SHA-256 of everything that it was made of to dist/SOURCE.
// `node scripts/seal.mjs check` compares instead.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

const ui = path.join(import.meta.dirname, "..");
const root = path.join(ui, "..");
/** Everything in these folders is source, except for what is built or installed. */
const SOURCES = ["sdk/typescript/src", "ui"];
const NOT_SOURCE = ["ui/dist", "ui/node_modules", "ui/test-results"];
const BUDGETS = [
    { ending: ".js", bytes: 150_000, all: 200_000 },
    { ending: ".css", bytes: 10_000, all: 10_000 },
];
/** The most packages that the page names itself, of those that are shipped. */
const PACKAGES = 10;

function files(name) {
    if (NOT_SOURCE.includes(name)) return [];
    const full = path.join(root, name);
    try {
        return readdirSync(full).flatMap((inner) => files(`${name}/${inner}`));
    } catch (error) {
        if (error.code !== "ENOTDIR") throw error;
        return [name];
    }
}

function sha256(bytes) {
    return createHash("sha256").update(bytes).digest("hex");
}

/** The SHA-256 of the lines that `sha256sum` prints for the files, in the order of their paths. */
function source() {
    const names = SOURCES.flatMap(files);
    names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const lines = names.map((name) => `${sha256(readFileSync(path.join(root, name)))}  ${name}\n`);
    return sha256(lines.join(""));
}

function checkBudgets() {
    const assets = path.join(ui, "dist/assets");
    const page = readFileSync(path.join(ui, "dist/index.html"), "utf8");
    for (const { ending, bytes, all } of BUDGETS) {
        const found = readdirSync(assets).filter((name) => name.endsWith(ending));
        const size = (names) =>
            names.reduce((sum, name) => sum + gzipSync(readFileSync(path.join(assets, name))).length, 0);
        const [first, whole] = [size(found.filter((name) => page.includes(name))), size(found)];
        console.log(`${ending}, compressed: ${first} of ${bytes} bytes with the page, ${whole} of ${all} in all`);
        if (first === 0) throw new Error(`the page has no file *${ending}`);
        if (first > bytes || whole > all) throw new Error(`*${ending} is larger than its budget`);
    }
    const { dependencies } = JSON.parse(readFileSync(path.join(ui, "package.json"), "utf8"));
    if (Object.keys(dependencies).length > PACKAGES) throw new Error(`more than ${PACKAGES} packages are shipped`);
}

const file = path.join(ui, "dist/SOURCE");
if (process.argv[2] === "check") {
    if (readFileSync(file, "utf8").trim() !== source())
        throw new Error("ui/dist is not of these sources: run `make ui`");
} else {
    checkBudgets();
    writeFileSync(file, `${source()}\n`);
}
