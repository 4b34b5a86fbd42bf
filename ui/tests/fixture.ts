// Tenants to look at, made over the API as anybody would.

/** A service, and the key of who asks it. */
export interface Api {
    readonly base: string;
    readonly token: string;
}

/** How often a request is sent again while the service is busy: a batch has a limit of time. */
const TRIES = 10;

/** Sends a request and returns its JSON; rejects unless it succeeds. The same key makes it safe to send it again. */
export async function call(api: Api, method: string, path: string, body?: unknown, reason?: string): Promise<unknown> {
    const headers: Record<string, string> = {
        authorization: `Bearer ${api.token}`,
        "content-type": "application/json",
        ...(reason === undefined ? {} : { "x-reason": reason }),
        ...(method === "GET" ? {} : { "idempotency-key": crypto.randomUUID() }),
    };
    for (let attempt = 1; ; attempt++) {
        const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
        const response = await fetch(`${api.base}/api/v1${path}`, init);
        const text = await response.text();
        if (response.ok) return text === "" ? undefined : JSON.parse(text);
        if ((response.status !== 503 && response.status !== 429) || attempt === TRIES) {
            throw new Error(`${method} ${path}: ${String(response.status)} ${text}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("retry-after") ?? 1)));
    }
}

const SERVICES = [
    "basket",
    "catalogue",
    "checkout",
    "images",
    "invoices",
    "login",
    "payments",
    "prices",
    "search",
    "shipping",
];
const ENVS = ["dev", "staging", "prod"];
const VERSIONS = ["v8", "v9", "v10"];
const TEAMS = ["shop", "money", "platform"];

function route(service: string, env: string, version: string): object {
    const url = `https://${service}-${version}.${env}.internal.example:8443`;
    const team = TEAMS[SERVICES.indexOf(service) % TEAMS.length];
    return { service, env, version, url, labels: { team, tier: env === "prod" ? "1" : "2" } };
}

/** Makes the tenant `acme`: ten services in three environments, some of them split, and a history. */
export async function makeAcme(api: Api): Promise<void> {
    const routes = SERVICES.flatMap((service) =>
        ENVS.flatMap((env) => VERSIONS.map((version) => ({ action: "put", route: route(service, env, version) }))),
    );
    await call(api, "POST", "/tenants/acme/batch", { changes: routes }, "first release");
    const policies = SERVICES.map((service, at) => ({
        action: "put",
        policy: {
            service,
            env: "prod",
            hosts: [`${service}.acme.example`],
            split: [
                { version: "v9", weight: at % 3 === 0 ? 9000 : 1 },
                ...(at % 3 === 0 ? [{ version: "v10", weight: 1000 }] : []),
            ],
            failover: ["v8"],
        },
    }));
    await call(api, "POST", "/tenants/acme/batch", { changes: policies }, "hosts of the shop");
    const rules = [
        { name: "testers", match: { headers: { "x-tester": { exact: "yes" } } }, version: "v10" },
        { name: "old-api", match: { path: { prefix: "/v1" } }, version: "v8" },
    ];
    await call(
        api,
        "PATCH",
        "/policies/acme/checkout/prod",
        { rules, sticky_by: { cookie: "sid" } },
        "testers see v10",
    );
    for (const [v9, v10] of [
        [9900, 100],
        [9500, 500],
        [8000, 2000],
    ]) {
        const split = [
            { version: "v9", weight: v9 },
            { version: "v10", weight: v10 },
        ];
        await call(api, "PATCH", "/policies/acme/checkout/prod", { split }, `canary at ${String(Number(v10) / 100)} %`);
    }
    await call(api, "POST", "/routes/acme/images/dev/v8/deactivate", undefined, "not used any more");
    const document = {
        scope: { service: "search", env: "staging" },
        prune: true,
        routes: [route("search", "staging", "v10")],
    };
    await call(api, "POST", "/tenants/acme/plans", document, "one version is enough");
}

/** Makes the tenant `large`: 10,000 routes of 1,000 services. */
export async function makeLarge(api: Api): Promise<void> {
    const changes = Array.from({ length: 10_000 }, (_, at) => {
        const service = `service-${String(Math.floor(at / 10))}`;
        const version = `v${String((at % 5) + 1)}`;
        const env = at % 10 < 5 ? "prod" : "staging";
        return { action: "put", route: { service, env, version, url: `https://${service}-${version}.${env}.example` } };
    });
    for (let at = 0; at < changes.length; at += 1000) {
        const part = { changes: changes.slice(at, at + 1000) };
        await call(api, "POST", "/tenants/large/batch", part, "a large tenant");
    }
}
