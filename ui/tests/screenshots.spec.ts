// The pictures of docs/ui, in both themes: only with TM_SCREENSHOTS=1.

import path from "node:path";

import { open, test } from "./page";

const FOLDER = path.join(import.meta.dirname, "../../docs/ui");
const PICTURES = [
    ["/t/acme", "overview"],
    ["/t/acme/routes", "routes"],
    ["/t/acme/policies/checkout/prod", "policy"],
    ["/t/acme/services/checkout", "service"],
    ["/t/acme/topology?filter=env:prod", "topology"],
] as const;

test.skip(process.env.TM_SCREENSHOTS !== "1", "pictures are made on demand");

for (const colorScheme of ["light", "dark"] as const) {
    test.describe(colorScheme, () => {
        test.use({ colorScheme, viewport: { width: 1120, height: 700 } });

        test("pictures", async ({ signedIn, service }) => {
            for (const [address, name] of PICTURES) {
                await open(signedIn, service, address);
                await signedIn.screenshot({
                    path: path.join(FOLDER, `${name}-${colorScheme}.png`),
                    animations: "disabled",
                });
            }
        });
    });
}
