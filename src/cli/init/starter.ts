/** For a folder in which nothing is declared yet: a file that boots as it is, and says what can be written. */
export const STARTER = `# What this project consists of. Check it with \`azora config --check\`, boot it with \`azora up\`.
version: 1

organs:
  # The smallest organ: a command that runs on. Put your own in its place.
  hello:
    command: while :; do echo "hello from azora"; sleep 10; done

  # A server: $PORT is chosen and kept while it is free; it is ready, and healthy afterwards, when /healthz answers 2xx.
  # api:
  #   command: node api.js
  #   ports: { http: auto }
  #   health: { http: /healthz }

  # Started once the server is healthy, which it finds at $API.
  # worker:
  #   command: node worker.js
  #   env: { API: "\${organs.api.url}" }
  #   depends_on: [api]

  # Runs to its end at each boot; with \`schedule\` by the clock.
  # migrate:
  #   kind: task
  #   command: npm run migrate
`;
