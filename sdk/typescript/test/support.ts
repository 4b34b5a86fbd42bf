// What several tests need.

import path from "node:path";
import { fileURLToPath } from "node:url";

/** The package's folder; the tests are compiled into `.test-build/test`. */
const PACKAGE = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Returns the path of a file of this package. */
export function ours(file: string): string {
    return path.join(PACKAGE, file);
}

/** Returns the path of a file of the repository. */
export function repository(file: string): string {
    return path.join(PACKAGE, "../..", file);
}
