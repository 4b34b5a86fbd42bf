// The rules and the failover of a policy: lists whose order counts.

import type { PolicyRule } from "@client";
import { type ReactNode, useState } from "react";

import { Button, Field } from "../../components/basic";
import { Dialog } from "../../components/dialog";
import { en } from "../../messages/en";
import { condition, destination, movedBy } from "../../model/policy";
import { AddVersion } from "./split";
import { text } from "./text";

interface OrderProps<T> {
    items: readonly T[];
    nameOf: (item: T) => string;
    onChange: (items: T[]) => void;
    onEdit?: (at: number) => void;
    children: (item: T) => ReactNode;
}

/** A list with buttons that move and remove. */
function Ordered<T>({ items, nameOf, onChange, onEdit, children }: OrderProps<T>): ReactNode {
    return (
        <ol className="ordered">
            {items.map((item, at) => {
                const name = nameOf(item);
                return (
                    <li key={name}>
                        <span className="number quiet">{at + 1}</span>
                        <span>{children(item)}</span>
                        <span className="buttons">
                            {onEdit && (
                                <Button className="small" aria-label={text.edit(name)} onClick={() => onEdit(at)}>
                                    ✎
                                </Button>
                            )}
                            <Button
                                className="small"
                                aria-label={text.up(name)}
                                disabled={at === 0}
                                onClick={() => onChange(movedBy(items, at, -1))}
                            >
                                ↑
                            </Button>
                            <Button
                                className="small"
                                aria-label={text.down(name)}
                                disabled={at === items.length - 1}
                                onClick={() => onChange(movedBy(items, at, 1))}
                            >
                                ↓
                            </Button>
                            <Button
                                className="small"
                                kind="quiet"
                                aria-label={text.remove(name)}
                                onClick={() => onChange(items.filter((_, index) => index !== at))}
                            >
                                ×
                            </Button>
                        </span>
                    </li>
                );
            })}
        </ol>
    );
}

interface RulesProps {
    rules: readonly PolicyRule[];
    version: string;
    onChange: (rules: PolicyRule[]) => void;
}

export function Rules({ rules, version, onChange }: RulesProps): ReactNode {
    const [edited, setEdited] = useState<number>();
    const template: PolicyRule = {
        name: `rule-${String(rules.length + 1)}`,
        match: { headers: { "x-tester": { exact: "yes" } } },
        version,
    };
    return (
        <>
            {rules.length === 0 && <p className="quiet">{text.noRules}</p>}
            <Ordered items={rules} nameOf={({ name }) => name} onChange={onChange} onEdit={setEdited}>
                {(rule) => (
                    <>
                        <strong>{rule.name}</strong> <span className="quiet">{condition(rule)}</span> →{" "}
                        {destination(rule)}
                    </>
                )}
            </Ordered>
            <Button className="small" onClick={() => setEdited(rules.length)}>
                {text.addRule}
            </Button>
            {edited !== undefined && (
                <RuleDialog
                    rule={rules[edited] ?? template}
                    onClose={() => setEdited(undefined)}
                    onKeep={(rule) => {
                        onChange([...rules.slice(0, edited), rule, ...rules.slice(edited + 1)]);
                        setEdited(undefined);
                    }}
                />
            )}
        </>
    );
}

interface RuleDialogProps {
    rule: PolicyRule;
    onClose: () => void;
    onKeep: (rule: PolicyRule) => void;
}

/** A rule as the API has it: the server says what is wrong with it, member by member, in the review. */
function RuleDialog({ rule, onClose, onKeep }: RuleDialogProps): ReactNode {
    const [json, setJson] = useState(() => JSON.stringify(rule, undefined, 2));
    const [error, setError] = useState<string>();
    const keep = (): void => {
        const read = readRule(json);
        if (read) onKeep(read);
        else setError(text.ruleBad);
    };
    const footer = (
        <>
            <Button onClick={onClose}>{en.cancel}</Button>
            <Button type="submit" kind="main">
                {text.keep}
            </Button>
        </>
    );
    return (
        <Dialog title={text.ruleTitle} onClose={onClose} onSubmit={keep} footer={footer} wide>
            <Field label={text.ruleTitle} hint={text.ruleHint} error={error}>
                {(control) => (
                    <textarea
                        {...control}
                        rows={14}
                        spellCheck={false}
                        value={json}
                        onChange={(event) => setJson(event.target.value)}
                    />
                )}
            </Field>
        </Dialog>
    );
}

function readRule(json: string): PolicyRule | undefined {
    try {
        const rule = JSON.parse(json) as Partial<Omit<PolicyRule, "match">> & { match?: Partial<PolicyRule["match"]> };
        const { name, match } = rule;
        if (typeof name !== "string" || typeof match !== "object") return undefined;
        return { ...rule, name, match: { ...match, headers: match.headers ?? {} } };
    } catch {
        return undefined;
    }
}

interface FailoverProps {
    failover: readonly string[];
    versions: readonly string[];
    onChange: (failover: string[]) => void;
}

export function Failover({ failover, versions, onChange }: FailoverProps): ReactNode {
    const others = versions.filter((version) => !failover.includes(version));
    return (
        <>
            {failover.length === 0 && <p className="quiet">{text.noFailover}</p>}
            <Ordered items={failover} nameOf={(version) => version} onChange={onChange}>
                {(version) => version}
            </Ordered>
            <AddVersion versions={others} onAdd={(version) => onChange([...failover, version])} />
        </>
    );
}
