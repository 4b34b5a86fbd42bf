// How the page is built: one script and one style sheet, the same bytes for the same sources.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { defineConfig, type Plugin } from "vite";

const here = import.meta.dirname;
/** The service that `make ui-dev` passes requests on to. */
const service = process.env.TM_URL ?? "http://127.0.0.1:8000";
const token = process.env.TM_TOKEN;

/** Writes the licences of all packages of which something is in the bundle to `licenses.txt`. */
function licences(): Plugin {
    return {
        name: "licences",
        generateBundle(_, bundle) {
            const modules = Object.values(bundle).flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
            const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
            const texts = [...new Set(folders)].sort().map(licence);
            this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) });
        },
    };
}

function licence(folder: string): string {
    const about = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Record<string, string>;
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    const text = file ? readFileSync(path.join(folder, file), "utf8") : "The package has no file with its licence.\n";
    return `${String(about.name)} ${String(about.version)} (${String(about.license)})\n\n${text}`;
}

export default defineConfig({
    base: "/ui/",
    plugins: [licences()],
    resolve: {
        alias: { "@client": path.join(here, "../sdk/typescript/src/index.ts") },
        // The client of this repository is taken as source: its dependency is the one of the page.
        dedupe: ["openapi-fetch"],
    },
    build: {
        target: "es2022",
        cssCodeSplit: false,
        modulePreload: { polyfill: false },
        assetsInlineLimit: 0,
        reportCompressedSize: false,
    },
    server: {
        proxy: Object.fromEntries(
            ["/api", "/health", "/ui/session", "/ui/login"].map((prefix) => [
                prefix,
                { target: service, ...(token ? { headers: { authorization: `Bearer ${token}` } } : {}) },
            ]),
        ),
    },
    test: { include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
