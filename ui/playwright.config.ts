// The browser tests: Debian's Chromium, one service for all, which `tests/setup.ts` starts.
import { defineConfig } from "@playwright/test";

export default defineConfig({
    testDir: "tests",
    testMatch: "**/*.spec.ts",
    // The tests measure times, and share one service.
    workers: 1,
    timeout: 90_000,
    expect: { timeout: 15_000 },
    reporter: "list",
    globalSetup: "./tests/setup.ts",
    use: {
        browserName: "chromium",
        viewport: { width: 1280, height: 800 },
        locale: "en-GB",
        timezoneId: "UTC",
        launchOptions: {
            executablePath: process.env.TM_CHROMIUM ?? "/usr/bin/chromium",
            args: [
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        },
    },
});
