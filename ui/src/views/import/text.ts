export const text = {
    title: "Import",
    about: "A document of routes and policies, as YAML or JSON. It becomes a plan: nothing changes yet.",
    document: "Document",
    hint: "Paste it, or drop a file. “scope” and “prune” may be part of it.",
    file: "Choose a file…",
    check: "Make a plan",
    template: "Insert an example",
    errors: "What is wrong",
    line: (line: number) => `line ${String(line)}`,
    reason: "Reason",
    tooLarge: "The file is larger than 16 MB.",
    example: `routes:
  - service: checkout
    env: prod
    version: v11
    url: https://checkout-v11.prod.internal.example
    labels: { team: shop }
policies:
  - service: checkout
    env: prod
    hosts: [checkout.example]
    split:
      - { version: v11, weight: 10000 }
`,
} as const;
