// What changes: members before and after.

import type { ReactNode } from "react";

import { en } from "../messages/en";
import type { FieldChange } from "../model/diff";

/** A list of members that differ. */
export function Changes({ changes }: { changes: readonly FieldChange[] }): ReactNode {
    if (changes.length === 0) return <p className="quiet">{en.review.nothing}</p>;
    return (
        <dl className="changes">
            {changes.map(({ path, before, after }) => (
                <div key={path}>
                    <dt>{path}</dt>
                    <dd>
                        {before !== undefined && <del>{before}</del>}
                        {before !== undefined && after !== undefined && <span aria-hidden="true"> → </span>}
                        {after !== undefined && <ins>{after}</ins>}
                    </dd>
                </div>
            ))}
        </dl>
    );
}
