// Tenants to look at, made over the API as anybody would.

/** Sends a request and returns its JSON; rejects unless it succeeds. */
export async function call(
    base: string,
    method: string,
    path: string,
    body?: unknown,
    reason?: string,
): Promise<unknown> {
    const response = await fetch(`${base}/api/v1${path}`, {
        method,
        headers: { "content-type": "application/json", ...(reason === undefined ? {} : { "x-reason": reason }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
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
export async function makeAcme(base: string): Promise<void> {
    const routes = SERVICES.flatMap((service) =>
        ENVS.flatMap((env) => VERSIONS.map((version) => ({ action: "put", route: route(service, env, version) }))),
    );
    await call(base, "POST", "/tenants/acme/batch", { changes: routes }, "first release");
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
    await call(base, "POST", "/tenants/acme/batch", { changes: policies }, "hosts of the shop");
    const rules = [
        { name: "testers", match: { headers: { "x-tester": { exact: "yes" } } }, version: "v10" },
        { name: "old-api", match: { path: { prefix: "/v1" } }, version: "v8" },
    ];
    await call(
        base,
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
        await call(
            base,
            "PATCH",
            "/policies/acme/checkout/prod",
            { split },
            `canary at ${String(Number(v10) / 100)} %`,
        );
    }
    await call(base, "POST", "/routes/acme/images/dev/v8/deactivate", undefined, "not used any more");
    const document = {
        scope: { service: "search", env: "staging" },
        prune: true,
        routes: [route("search", "staging", "v10")],
    };
    await call(base, "POST", "/tenants/acme/plans", document, "one version is enough");
}

/** Makes the tenant `large`: 10,000 routes of 1,000 services. */
export async function makeLarge(base: string): Promise<void> {
    const changes = Array.from({ length: 10_000 }, (_, at) => {
        const service = `service-${String(Math.floor(at / 10))}`;
        const version = `v${String((at % 5) + 1)}`;
        const env = at % 10 < 5 ? "prod" : "staging";
        return { action: "put", route: { service, env, version, url: `https://${service}-${version}.${env}.example` } };
    });
    await call(base, "POST", "/tenants/large/batch", { changes }, "a large tenant");
}
