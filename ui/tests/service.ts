// The service under test: the real program with a database, topics and an archive of its own, on ports of its own.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

/** A service that runs. */
export interface Service {
    readonly url: string;
    /** A key that may do everything. */
    readonly token: string;
    /** Ends the program and removes its database. */
    stop(): Promise<void>;
}

/** How long the program may take to start, in milliseconds. */
const START = 60_000;

function variable(name: string): string {
    const value = process.env[name];
    if (value === undefined) throw new Error(`${name} is not set: read .stack/env first`);
    return value;
}

function binary(): string {
    return process.env.TM_BINARY ?? path.join(import.meta.dirname, "../../target/debug/traffic-manager");
}

async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    if (address === null || typeof address === "string") throw new Error("there is no free port");
    return address.port;
}

function inDatabase(url: string, name: string): string {
    const changed = new URL(url);
    changed.pathname = `/${name}`;
    return changed.href;
}

function sql(statement: string): void {
    execFileSync("psql", ["-q", "-v", "ON_ERROR_STOP=1", variable("PG_PRIMARY_URL"), "-c", statement]);
}

/** Starts a service; `settings` are variables of its environment. */
export async function startService(settings: Record<string, string> = {}): Promise<Service> {
    const name = `tm_test_${randomBytes(8).toString("hex")}`;
    const [port, opsPort] = [await freePort(), await freePort()];
    sql(`create database ${name} owner traffic_manager_owner`);
    const env = {
        ...process.env,
        TM__POSTGRES__PRIMARY_URL: inDatabase(variable("PG_APP_URL"), name),
        TM__POSTGRES__REPLICA_URLS: inDatabase(variable("PG_APP_REPLICA_URL"), name),
        TM__MIGRATE__POSTGRES_URL: inDatabase(variable("PG_OWNER_URL"), name),
        TM__MIGRATE__MONGO_URL: variable("MONGO_ADMIN_URL"),
        TM__MONGO__URL: variable("MONGO_ADMIN_URL"),
        TM__MONGO__DATABASE: name,
        TM__KAFKA__TOPIC: name,
        TM__KAFKA__DLQ_TOPIC: `${name}.dlq`,
        TM__KAFKA__NODE_TOPIC: `${name}.nodes`,
        TM__KAFKA__GROUP: name,
        TM__HTTP__LISTEN: `127.0.0.1:${String(port)}`,
        TM__HTTP__OPS_LISTEN: `127.0.0.1:${String(opsPort)}`,
        TM__HTTP__ADS_LISTEN: "",
        TM__DRAIN__READY_GRACE_MS: "0",
        ...settings,
    };
    const log = path.join(mkdtempSync(path.join(tmpdir(), "tm-ui-")), "service.log");
    const out = openSync(log, "a");
    execFileSync(binary(), ["migrate"], { env, stdio: ["ignore", out, out] });
    const key = ["key", "create", "--role", "platform_admin", "--description", "tests of the page"];
    const token = execFileSync(binary(), key, { env, stdio: ["ignore", "pipe", out], encoding: "utf8" }).trim();
    const child = spawn(binary(), ["all"], { env, stdio: ["ignore", out, out] });
    const stop = async (): Promise<void> => {
        await ended(child);
        sql(`drop database if exists ${name} with (force)`);
    };
    try {
        await ready(`http://127.0.0.1:${String(opsPort)}/health/ready`, child);
    } catch (error) {
        await stop();
        throw new Error(`the service did not start:\n${readFileSync(log, "utf8").slice(-3000)}`, { cause: error });
    }
    return { url: `http://127.0.0.1:${String(port)}`, token, stop };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
    const until = Date.now() + START;
    for (;;) {
        if (child.exitCode !== null) throw new Error(`the service ended with ${String(child.exitCode)}`);
        const isReady = await fetch(url).then(
            (response) => response.ok,
            () => false,
        );
        if (isReady) return;
        if (Date.now() > until) throw new Error(`the service was not ready within ${String(START)} ms`);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

async function ended(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null) return;
    const end = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await end;
    clearTimeout(timer);
}
