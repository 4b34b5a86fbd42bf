// Writes the generated files, from the API's document: `node scripts/generate.mjs [folder]`.
// api.ts has the types of all bodies and parameters (openapi-typescript), operations.ts the table of all operations.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const here = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(here, "../../../docs/openapi.json");
const folder = process.argv[2] ?? path.join(here, "../src/generated");
const document = JSON.parse(await readFile(source, "utf8"));

const HEAD = "// Generated from docs/openapi.json by scripts/generate.mjs. Do not edit.\n\n";
const METHODS = ["get", "post", "put", "patch", "delete"];

/** The headers that an operation takes, by the names that the options of a call have. */
const TAKES = {
    "Idempotency-Key": "idempotencyKey",
    "If-Match": "ifMatch",
    "X-Reason": "reason",
    "TM-Min-Revision": "minRevision",
    "Last-Event-ID": "lastEventId",
};

function resolve(value) {
    if (!value.$ref) return value;
    return value.$ref
        .slice(2)
        .split("/")
        .reduce((at, name) => at[name], document);
}

function operation(method, route, item, op) {
    const parameters = [...(item.parameters ?? []), ...(op.parameters ?? [])].map(resolve);
    const named = (place) =>
        parameters.filter((parameter) => parameter.in === place).map((parameter) => parameter.name);
    const headers = named("header");
    const takes = headers.flatMap((name) => TAKES[name] ?? []);
    if (headers.includes("If-None-Match")) takes.push(op.responses["304"] ? "ifNoneMatch" : "createOnly");
    const bodies = Object.keys(resolve(op.requestBody ?? {}).content ?? {});
    const answers = Object.entries(op.responses).filter(([status]) => status.startsWith("2"));
    const contents = answers.flatMap(([, answer]) => Object.keys(resolve(answer).content ?? {}));
    return {
        method: method.toUpperCase(),
        path: route,
        pathParameters: named("path"),
        query: named("query").filter((name) => name !== "min_revision"),
        takes,
        yaml: bodies.includes("application/yaml"),
        stream: contents.some((type) => type === "text/event-stream" || type === "application/x-ndjson"),
    };
}

function table() {
    const all = {};
    for (const [route, item] of Object.entries(document.paths)) {
        for (const method of METHODS) {
            const op = item[method];
            if (op) all[op.operationId] = operation(method, route, item, op);
        }
    }
    const names = Object.keys(all).sort();
    const lines = names.map((name) => `  ${name}: ${JSON.stringify(all[name])},\n`);
    const codes = [...document.components.schemas.ProblemCode.examples].sort();
    return (
        HEAD +
        "/** All operations of the API, by their operationId. */\n" +
        `export const OPERATIONS = {\n${lines.join("")}} as const;\n\n` +
        "/** The codes of problems that this version knows. Later versions of the service may have more. */\n" +
        `export const PROBLEM_CODES = [\n${codes.map((code) => `  ${JSON.stringify(code)},\n`).join("")}] as const;\n`
    );
}

await mkdir(folder, { recursive: true });
const types = await openapiTS(document, {
    defaultNonNullable: false,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
});
await writeFile(path.join(folder, "api.ts"), HEAD + astToString(types));
await writeFile(path.join(folder, "operations.ts"), table());
