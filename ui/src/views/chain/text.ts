export const text = {
    title: "Chain",
    about: "Each event holds the SHA-256 of the one before it: an edited event breaks all links after it.",
    here: "Checked in this browser",
    hereWhy:
        "SHA-256 over the RFC 8785 bytes of each event, with code of its own: the service's word is not needed for it.",
    hereGood: (from: number, to: number, events: string) =>
        `whole from revision ${String(from)} to ${String(to)}: ${events} events`,
    hereBad: "not whole",
    hereRunning: (events: string) => `${events} events so far…`,
    all: "Check from the beginning",
    stop: "Stop",
    again: "Check the newest again",
    partOnly: (from: number) => `The check began at revision ${String(from)}.`,
    reset: "The service no longer gives these events from the beginning: they were archived. Its own check covers them.",
    none: "nothing checked yet",
    server: "Verified by the service",
    serverWhy: "The service computes the chain of the archive anew and compares its end with the database.",
    serverAsk: "Verify on the service",
    serverRunning: (to: number) => `up to revision ${String(to)}…`,
    serverGood: (from: number, to: number, events: string) =>
        `whole from revision ${String(from)} to ${String(to)}: ${events} events`,
    serverBad: (revision: number, reason: string) => `revision ${String(revision)}: ${reason.replaceAll("_", " ")}`,
    serverMissing: (count: string, some: string) => `${count} revisions are missing: ${some}`,
    checkpoint: (revision: number) =>
        `The events up to revision ${String(revision)} were removed by a checkpoint that was verified before.`,
    notAuditor: "Your role may not ask the service for it.",
    blocks: "The blocks of each day",
    revisions: (from: number, to: number) =>
        from === to ? `rev. ${String(from)}` : `rev. ${String(from)}–${String(to)}`,
    events: (count: string) => `${count} events`,
    head: "head",
    whole: "whole",
    bad: "bad",
    unchecked: "not checked",
    keep: "Keep the head elsewhere and compare it later: events that are missing at the end do not show by themselves.",
    download: "Download the events",
    python: "docs/verify_chain.py checks the download without this page.",
} as const;
