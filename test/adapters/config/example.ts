/** A file that uses every key of the contract. */
export const EVERY_KEY = `# yaml-language-server: $schema=./node_modules/azora/azora.schema.json
version: 1
name: azora-os
include: []
env: { LOG_LEVEL: info }
env_file: [.env?]
defaults: { category: Other }
profiles: [dev]
boot:
  timeout: 120s
  steps:
    - { name: "Elara Deity", organs: [elara] }
health: { interval: 30s }
security:
  interval: 60s
  checks: [{ name: port closed, tcp: "127.0.0.1:1" }]
  escalate: { organ: elara, path: /decisions, at: High }
  allow: [observe, restart-organ, stop-organ]
emergency:
  on: [critical-organ-failed, security-critical]
  deadline: 15s
checks: [ { name: chain is valid, organ: covenant, http: { path: /chain/valid }, expect: { json: { valid: true } } } ]
hooks: { system-ready: ["./notify.sh"], emergency-shutdown: ["https://hooks.example/x"] }
registry: { host: 127.0.0.1, port: auto }
logs: { max_size: 10MB, max_files: 5, compress: zstd }
redact: ["*_TOKEN", "*_SECRET", "*PASSWORD*", "*_KEY"]
retention: { max_age: 7d, max_size: 100MB }
organs:
  elara: { command: [node, "organs/elara/main file.ts", "$HOME"], ports: { http: auto }, health: { http: { path: /healthz, method: HEAD } } }
  covenant: { command: node organs/covenant/main.ts, ports: { http: 4001, p2p: auto }, health: { tcp: "\${organs.covenant.port}", slow: 1s } }
  aegis: { command: "cd organs && exec node aegis", health: { log: "ready on \\\\d+" }, profiles: [dev] }
  nightly: { command: "echo $\${HOME} done", kind: task, schedule: "*/5 * * * *", success_exit_codes: [0, 3], user: nobody }
  old: { command: x, profiles: [prod] }
  mint:
    description: Wallets and the mint
    category: Financial-Services
    command: node organs/mint/main.ts --peer \${organs.covenant.url} --price $$5
    cwd: .
    env: { CHAIN: "\${organs.covenant.url}", LITERAL: "$\${organs.covenant.url}", API_TOKEN: hunter22 }
    env_file: []
    kind: service
    depends_on:
      covenant: { condition: healthy, restart: true, required: true }
      aegis:
      nightly: { condition: exited, required: false }
    critical: true
    autostart: true
    profiles: []
    replicas: 2
    autoscale: { min: 1, max: 4, cpu: 70 }
    ports: { http: auto }
    health:
      http: /healthz
      interval: 30s
      timeout: 5s
      start_timeout: 60s
      failures: 3
      successes: 1
      slow: 500ms
      expect: { status: 200, json: { "chain.valid": true, "dimensions": ">= 11" }, body: "$" }
      restart: true
    verify:
      - { name: mines a block, http: { method: POST, path: /mine, headers: { x-n: 1 }, body: { to: "\${organs.mint.url}" } }, expect: { status: [200, 201] } }
      - { exec: "test -f x", expect: { exit_code: 1 }, timeout: 3s }
    restart: { policy: always, delay: 500ms, factor: 2, max_delay: 60s, jitter: 0.25, reset_after: 60s, limit: 10, window: 10m }
    success_exit_codes: [0]
    stop: { signal: SIGTERM, timeout: 10s, command: "kill -s INT 0" }
    resources: { cpu: 500m, memory: 512Mi }
    user: nobody
    logs: { max_size: 10MB, max_files: 5, merge: false }
    watch: { paths: [organs/mint], ignore: ["*.test.ts"], debounce: 300ms }
    route: { prefix: /mint, rate_limit: 100/s, auth: required }
    hooks: { pre_start: "./a", post_ready: "./b", pre_stop: "./c", post_exit: "./d | e" }
    labels: { team: finance }
`;
