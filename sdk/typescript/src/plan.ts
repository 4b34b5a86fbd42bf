// Plans: look at the changes of a document, then apply exactly these.

import type { Client } from "./client.js";
import type { ApplyResult, Plan as PlanBody, PlanPreview, TenantDocumentIn } from "./generated/api.js";
import { canonical } from "./json.js";
import { Problem } from "./problem.js";
import type { Written } from "./types.js";
import type { Wait } from "./wait.js";

/** How often a plan is replaced by the same one for a newer state of the tenant, before the caller is told. */
const REPLACED = 5;

/** What the caller confirms. The client never confirms anything of its own accord. */
export interface Confirmations {
    /** Confirms that many routes are removed: the hash of {@link Problem.shrink}, or of the plan. */
    confirmShrink?: string;
    /** Confirms that policies send traffic to versions that are deactivated, and have others to send it to. */
    confirmInUse?: boolean;
}

/** How a plan is applied. */
export interface ApplyOptions extends Confirmations {
    /** Holds the answer until a share of the nodes runs the change. */
    wait?: Wait | string;
}

/** The tenant has changed, and the new plan makes other changes than those that were seen. Nothing was applied. */
export class PlanChanged extends Error {
    override readonly name = "PlanChanged";

    constructor(
        /** The new plan, to look at and to apply. */
        readonly plan: Plan,
    ) {
        super(`the tenant has changed: plan ${plan.body.id} makes other changes than those that were seen`);
    }
}

/** Makes plans for one tenant. */
export class PlanApply {
    constructor(
        private readonly client: Client,
        private readonly tenant: string,
    ) {}

    /**
     * Makes a plan for a document, or for a YAML text. Nothing is changed. `reason` becomes the reason of the events.
     * Rejects with {@link Problem}, such as `invalid_request` with the fields that are wrong.
     */
    async plan(document: TenantDocumentIn | string, reason?: string): Promise<Plan> {
        const { value } = await this.client.createPlan({ tenant: this.tenant, body: document }, withReason(reason));
        return new Plan(this.client, value as PlanBody);
    }

    /** Returns the changes that a document would make, without a plan. Viewers may do that, and it counts for no quota. */
    async preview(document: TenantDocumentIn | string): Promise<PlanPreview> {
        const { value } = await this.client.createPlan({ tenant: this.tenant, body: document, dry_run: true });
        return value;
    }

    /** Makes a plan that returns to an earlier state: a revision, a version tag or a time. */
    async rollback(to: number | string, reason?: string): Promise<Plan> {
        const { value } = await this.client.createRollbackPlan(
            { tenant: this.tenant, body: { to } },
            withReason(reason),
        );
        return new Plan(this.client, value);
    }
}

function withReason(reason: string | undefined): { reason?: string } {
    return reason === undefined ? {} : { reason };
}

/** A plan that waits to be applied. */
export class Plan {
    constructor(
        private readonly client: Client,
        /** The plan itself: `changes`, `summary`, `warnings`, `hash` and more. */
        readonly body: PlanBody,
    ) {}

    /**
     * Applies the plan as one revision. If the tenant has changed since, the service makes a new plan: it is applied if
     * its changes are the same, and else this rejects with {@link PlanChanged}. Rejects with {@link Problem}
     * `shrink_not_confirmed` or `version_in_use` if a confirmation is missing.
     */
    async apply(options: ApplyOptions = {}): Promise<Written<ApplyResult>> {
        let plan = this.body;
        for (let replaced = 0; ; replaced++) {
            try {
                return await this.#applyOnce(plan, options);
            } catch (error) {
                const newer = error instanceof Problem ? error.stalePlan : undefined;
                if (!newer) throw error;
                // The problem has only as many changes as fit into it.
                const whole = await this.client.getPlan({ tenant: plan.tenant, id: newer.id });
                const isSame = canonical(whole.value.changes) === canonical(this.body.changes);
                if (!isSame || replaced === REPLACED) throw new PlanChanged(new Plan(this.client, whole.value));
                plan = whole.value;
            }
        }
    }

    #applyOnce(plan: PlanBody, { confirmShrink, confirmInUse, wait }: ApplyOptions): Promise<Written<ApplyResult>> {
        // Who confirmed the hash of the plan that was seen means its changes: the same changes have another hash now.
        const shrink = confirmShrink === this.body.hash ? plan.hash : confirmShrink;
        const body = {
            hash: plan.hash,
            ...(shrink === undefined ? {} : { confirm_shrink: shrink }),
            ...(confirmInUse === undefined ? {} : { confirm_in_use: confirmInUse }),
        };
        return this.client.applyPlan({
            tenant: plan.tenant,
            id: plan.id,
            body,
            ...(wait === undefined ? {} : { wait }),
        });
    }

    /** Deletes the plan, such as one that was only looked at: plans count against a quota. */
    async discard(): Promise<void> {
        await this.client.deletePlan({ tenant: this.body.tenant, id: this.body.id });
    }
}
