// Tasks: what people come for, by the keyboard alone where it counts.

import type { Page } from "@playwright/test";

import { call } from "./fixture";
import { expect, open, signIn, test } from "./page";

/** Presses Tab until an element has the focus; fails when the focus comes around. */
async function tabTo(page: Page, name: string | RegExp, role: "button" | "spinbutton" | "textbox"): Promise<void> {
    const target = page.getByRole(role, { name });
    for (let presses = 0; presses < 120; presses++) {
        if (await target.evaluate((element) => element === document.activeElement)) return;
        await page.keyboard.press("Tab");
    }
    throw new Error(`no way by Tab to ${String(name)}`);
}

async function setShare(page: Page, version: string, share: string, reason: string): Promise<void> {
    await tabTo(page, `Share of ${version} in %`, "spinbutton");
    await page.keyboard.press("Control+a");
    await page.keyboard.type(share);
    await tabTo(page, "Review…", "button");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog")).toBeVisible();
    await expect(page.getByRole("textbox", { name: "Reason" })).toBeFocused();
    await page.keyboard.type(reason);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByText("committed and seen on the stream").last()).toBeVisible();
}

interface PolicyBody {
    readonly revision: number;
    readonly split: readonly { version: string; weight: number }[];
}

test("a canary from 1 % to 100 %, and back, by the keyboard alone", async ({ signedIn: page, service }) => {
    const api = { base: service.url, token: service.token };
    const policy = async (): Promise<PolicyBody> =>
        (await call(api, "GET", "/policies/acme/payments/prod")) as PolicyBody;
    await open(page, service, "/t/acme/policies/payments/prod");
    for (const share of ["1", "12.34", "100"]) {
        await setShare(page, "v10", share, `canary at ${share} %`);
        const { split } = await policy();
        expect(split.find(({ version }) => version === "v10")?.weight).toBe(Math.round(Number(share) * 100));
    }
    const { revision } = await policy();
    await tabTo(page, "Undo…", "button");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog")).toContainText("update payments / prod");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByText(`Revision ${String(revision + 1)}: committed`).last()).toBeVisible();
    const { split } = await policy();
    expect(split.find(({ version }) => version === "v10")?.weight).toBe(1234);
});

test("a change by the API is seen within a second", async ({ signedIn: page, service }) => {
    const api = { base: service.url, token: service.token };
    await open(page, service, "/t/acme/routes?filter=login+prod");
    await expect(page.locator(".condition")).toContainText("live");
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
        const url = `https://login-${String(Date.now())}.example`;
        const begin = Date.now();
        await call(api, "PATCH", "/routes/acme/login/prod/v9", { url }, "live");
        await expect(page.getByText(url)).toBeVisible();
        times.push(Date.now() - begin);
    }
    times.sort((a, b) => a - b);
    console.log(`write to pixel: ${times.join(", ")} ms`);
    expect(times[2]).toBeLessThan(1000);
});

test("ten thousand routes: soon there, and moved in by the keyboard", async ({ signedIn: page, service }) => {
    const session = await page.context().newCDPSession(page);
    const begin = Date.now();
    await page.goto(`${service.url}/ui/t/large/routes`);
    await expect(page.getByText("10,000 routes")).toBeVisible();
    console.log(`10,000 routes: ${String(Date.now() - begin)} ms`);
    const grid = page.getByRole("grid");
    await grid.focus();
    await page.keyboard.press("End");
    await expect(grid.locator("[aria-rowindex='10001']")).toBeVisible();
    expect(await grid.getByRole("row").count()).toBeLessThan(80);
    const filter = page.getByRole("searchbox");
    await page.keyboard.press("/");
    await expect(filter).toBeFocused();
    await filter.fill("service:service-777 env:prod");
    await expect(page.getByText("5 of 10,000 routes")).toBeVisible();
    const { metrics } = await session.send("Performance.enable").then(() => session.send("Performance.getMetrics"));
    const heap = metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? Infinity;
    console.log(`heap: ${String(Math.round(heap / 1e6))} MB`);
    expect(heap).toBeLessThan(100e6);
});

test("a newer change is not overwritten", async ({ signedIn: page, service }) => {
    const api = { base: service.url, token: service.token };
    await open(page, service, "/t/acme/policies/shipping/prod");
    await page.getByRole("spinbutton", { name: "Share of v10 in %" }).fill("50");
    const split = [
        { version: "v9", weight: 7000 },
        { version: "v10", weight: 3000 },
    ];
    await call(api, "PATCH", "/policies/acme/shipping/prod", { split }, "somebody else");
    await expect(page.getByText("Somebody changed this policy meanwhile")).toBeVisible();
    await page.getByRole("button", { name: "Review…" }).click();
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await expect(page.getByRole("alert").filter({ hasText: "since you looked" })).toBeVisible();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /Keep my draft/ }).click();
    await page.getByRole("button", { name: "Review…" }).click();
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await expect(page.getByText("committed and seen on the stream")).toBeVisible();
});

test("a version in use is not taken away unseen", async ({ signedIn: page, service }) => {
    await open(page, service, "/t/acme/routes/basket/prod/v9");
    await page.getByRole("button", { name: "Deactivate…" }).click();
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("basket / prod");
});

test("an import says what is wrong at its line, and becomes a plan", async ({ signedIn: page, service }) => {
    await open(page, service, "/t/acme/import");
    const document = page.getByRole("textbox", { name: "Document" });
    await document.fill(
        '{\n  "routes": [\n    {"service": "basket", "env": "dev", "version": "v11",\n     "url": "nonsense"}\n  ]\n}',
    );
    await page.getByRole("button", { name: "Make a plan" }).click();
    await expect(page.getByRole("button", { name: "line 4" })).toBeVisible();
    await document.fill("routes:\n  - {service: basket, env: dev, version: v11, url: 'https://basket-11.example'}\n");
    await page.getByRole("button", { name: "Make a plan" }).click();
    await expect(page.getByText("1 to create")).toBeVisible();
    await page.getByRole("button", { name: "Apply…" }).click();
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await expect(page.getByText("committed and seen on the stream")).toBeVisible();
});

test("a session that has ended says so, and goes on where it was", async ({ page, service }) => {
    await signIn(page, service);
    await open(page, service, "/t/acme/policies");
    await page.context().clearCookies();
    // The next request is refused, whichever it is.
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await expect(page.getByText("The session has ended")).toBeVisible();
    const address = page.url();
    await page.getByLabel("API key").fill(service.token);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByRole("navigation")).toBeVisible();
    expect(page.url()).toBe(address);
});

test("a wrong key is refused in words", async ({ page, service }) => {
    await page.goto(`${service.url}/ui/`);
    await page.getByLabel("API key").fill("tmk_wrong");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.locator(".hint.wrong")).toBeVisible();
});

test("a viewer is offered nothing that would be refused", async ({ page, service }) => {
    const api = { base: service.url, token: service.token };
    const key = (await call(api, "POST", "/keys", { tenant: "acme", roles: ["viewer"] })) as { token: string };
    await page.goto(`${service.url}/ui/`);
    await page.getByLabel("API key").fill(key.token);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.locator("h1")).toHaveText("acme");
    await expect(page.getByRole("link", { name: "API keys" })).toHaveCount(0);
    await open(page, service, "/t/acme/routes/checkout/prod/v10");
    const edit = page.getByRole("button", { name: "Edit" });
    await expect(edit).toBeDisabled();
    await expect(edit).toHaveAttribute("title", /viewer/);
});
