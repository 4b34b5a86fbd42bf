#!/usr/bin/env bash
# The figures of fault runs as a table: tests/faults/table.sh FILE, a file of lines as TM_FAULTS_REPORT takes them.
set -euo pipefail
jq -rs '
    def worst(f): map(f) | max // 0 | . * 100 | round / 100;
    def least(f): map(f) | min // 0 | . * 10000 | round / 100;
    "| test | size | build | runs | writes | lost, doubled, out of order, invented, backwards, other | unknown | Kafka duplicates | answered during, writes and reads | write p99 before, during (ms) | longest without a write, a read (s) | peak backlog | drained in (s) |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    (map(select(.found)) | group_by([.test, .size, .build])[] |
    [.[0].test, .[0].size, .[0].build, length, (map(.writes) | add),
     ([(map(.found.lost) | add), (map(.found.doubled) | add), (map(.found.out_of_order) | add), (map(.found.invented) | add),
       (map(.found.backwards) | add), (map(.found.other) | add)] | join(", ")),
     (map(.found.unknown) | add), (map(.found.kafka_duplicates) | add),
     "\(least(.write.during.availability)) %, \(least(.read.during.availability)) %",
     "\(worst(.write.before.p99_ms)), \(worst(.write.during.p99_ms))",
     "\(worst(.write.longest_gap_s)), \(worst(.read.longest_gap_s))",
     worst([.peak_outbox, .peak_unarchived] | max), (if any(.drain_s == null) then "never" else worst(.drain_s) end)]
    | "| " + (map(tostring) | join(" | ")) + " |"),
    "",
    (map(select(.steps))[] | "T13, \(.size), \(.build): " +
        ([.steps[] | "\(.times)x \(.peak_per_second | round)/s: goodput \(.goodput * 100 | round / 100), \(.late) late, \(.broken) broken, \(.no_place) without a place of \(.asked), recovered in \(.recovered_s * 10 | round / 10) s"] | join("; "))),
    (map(select(.failed))[] | "\(.failed): failed")
' "$1"
