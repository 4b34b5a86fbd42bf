// Every view, light and dark: complete, without errors, and accessible.

import { accessible, expect, open, test } from "./page";

const VIEWS = [
    ["/", "Tenants"],
    ["/t/acme", "acme"],
    ["/t/acme/routes", "Routes"],
    ["/t/acme/routes/checkout/prod/v10", "checkout / prod / v10"],
    ["/t/acme/new-route", "New route"],
    ["/t/acme/policies", "Policies"],
    ["/t/acme/policies/checkout/prod", "checkout / prod"],
    ["/t/acme/policies/checkout/prod/shares", "Shares over time"],
    ["/t/acme/policies/checkout/dev", "checkout / dev"],
    ["/t/acme/services/checkout", "checkout"],
    ["/t/acme/topology", "Topology"],
    ["/t/acme/plans", "Plans"],
    ["/t/acme/import", "Import"],
    ["/t/acme/keys", "API keys"],
    ["/tenants", "Quotas"],
] as const;

for (const colorScheme of ["light", "dark"] as const) {
    test.describe(colorScheme, () => {
        test.use({ colorScheme });

        test("signing in", async ({ page, service }) => {
            await page.goto(`${service.url}/ui/`);
            await expect(page.getByLabel("API key")).toBeVisible();
            await accessible(page);
        });

        test("all views", async ({ signedIn, service }) => {
            test.setTimeout(240_000);
            for (const [path, title] of VIEWS) {
                await test.step(path, async () => {
                    await open(signedIn, service, path);
                    await expect(signedIn.locator("h1")).toContainText(title);
                    await accessible(signedIn);
                });
            }
        });

        test("a plan, the review, the palette and the list of keys", async ({ signedIn, service }) => {
            await open(signedIn, service, "/t/acme/plans");
            await signedIn.getByRole("link", { name: /one version is enough/ }).click();
            await expect(signedIn.getByText("2 to delete")).toBeVisible();
            await accessible(signedIn);
            await signedIn.getByRole("button", { name: "Apply…" }).click();
            await expect(signedIn.getByRole("dialog")).toBeVisible();
            await accessible(signedIn);
            await signedIn.keyboard.press("Escape");
            await expect(signedIn.getByRole("dialog")).toHaveCount(0);
            await signedIn.keyboard.press("Control+k");
            await accessible(signedIn);
            await signedIn.keyboard.type("topology");
            await signedIn.keyboard.press("Enter");
            await expect(signedIn.locator("h1")).toHaveText("Topology");
            await signedIn.keyboard.press("?");
            await expect(signedIn.getByRole("dialog", { name: "Keys" })).toBeVisible();
            await accessible(signedIn);
        });
    });
}

test("a narrow window and large letters scroll one way only", async ({ signedIn, service }) => {
    await signedIn.setViewportSize({ width: 320, height: 640 });
    for (const [path] of VIEWS) {
        await open(signedIn, service, path);
        const overflow = await signedIn.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, path).toBeLessThanOrEqual(0);
    }
});
