// A browser page that fails its test on errors of the console, violations of the policy, and requests to other origins.

import AxeBuilder from "@axe-core/playwright";
import { type Page, test as base, expect } from "@playwright/test";

import { type Place, place } from "./setup";

/** Text that a browser writes to the console for an answer that the test itself asks for. */
const ANSWERS = /Failed to load resource: the server responded with a status of (401|404|409|412|422)/;

interface Fixtures {
    service: Place;
    /** A page that has signed in as the administrator. */
    signedIn: Page;
}

export const test = base.extend<Fixtures>({
    // eslint-disable-next-line no-empty-pattern -- the form that Playwright wants
    service: async ({}, provide) => {
        await provide(place());
    },
    page: async ({ page, service }, provide) => {
        const faults: string[] = [];
        page.on("console", (message) => {
            if (message.type() === "error" && !ANSWERS.test(message.text())) faults.push(message.text());
        });
        page.on("pageerror", (error) => faults.push(error.message));
        page.on("request", (request) => {
            const { origin, protocol } = new URL(request.url());
            if (origin !== service.url && protocol !== "data:") faults.push(`a request to ${request.url()}`);
        });
        await provide(page);
        expect(faults, "the page has no errors").toEqual([]);
    },
    signedIn: async ({ page, service }, provide) => {
        await signIn(page, service);
        await provide(page);
    },
});

/** Signs in with the key of the administrator. */
export async function signIn(page: Page, { url, token }: Place): Promise<void> {
    await page.goto(`${url}/ui/`);
    await page.getByLabel("API key").fill(token);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Tenants" })).toBeVisible();
}

/** Opens a place of the page, and waits until its data are there. */
export async function open(page: Page, { url }: Place, path: string): Promise<void> {
    await page.goto(`${url}/ui${path}`);
    await expect(page.locator("h1")).toBeVisible();
    await expect(page.locator(".loading")).toHaveCount(0);
}

/** Expects that axe finds nothing. */
export async function accessible(page: Page): Promise<void> {
    // Colours are measured when nothing moves any more.
    await page.evaluate(() =>
        Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => 0))),
    );
    const tags = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
    const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
    const found = violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`,
    );
    expect(found, "axe finds nothing").toEqual([]);
}

export { expect } from "@playwright/test";
