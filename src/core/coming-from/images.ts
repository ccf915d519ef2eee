/** What to do about an image that many projects take from a registry: its program, where this machine has it, or docker itself. */

interface Native {
  readonly program: string;
  readonly command: string;
}

const NATIVE: Readonly<Record<string, Native>> = {
  postgres: { program: 'PostgreSQL', command: 'postgres -D .data/postgres -p 5432 (after initdb -D .data/postgres)' },
  postgis: { program: 'PostgreSQL', command: 'postgres -D .data/postgres -p 5432 (after initdb -D .data/postgres)' },
  mysql: { program: 'MySQL', command: 'mysqld --datadir=.data/mysql --port=3306' },
  mariadb: { program: 'MariaDB', command: 'mariadbd --datadir=.data/mariadb --port=3306' },
  redis: { program: 'Redis', command: 'redis-server --port 6379' },
  valkey: { program: 'Valkey', command: 'valkey-server --port 6379' },
  mongo: { program: 'MongoDB', command: 'mongod --dbpath .data/mongo --port 27017' },
  rabbitmq: { program: 'RabbitMQ', command: 'rabbitmq-server' },
  memcached: { program: 'memcached', command: 'memcached -p 11211' },
  nginx: { program: 'nginx', command: "nginx -g 'daemon off;' -c $PWD/nginx.conf" },
  caddy: { program: 'Caddy', command: 'caddy run' },
  traefik: { program: 'Traefik', command: 'traefik' },
  minio: { program: 'MinIO', command: 'minio server .data/minio' },
  nats: { program: 'NATS', command: 'nats-server -p 4222' },
  mailhog: { program: 'MailHog', command: 'MailHog' },
  mailpit: { program: 'Mailpit', command: 'mailpit' },
};

export function nativeOf(image: string): string[] {
  const base =
    image
      .split('@')[0]!
      .replace(/:[^/:]*$/, '')
      .split('/')
      .at(-1) ?? image;
  const native = NATIVE[base];
  return [
    `image ${image}: azora runs programs, not images, so it is left out; it can stand beside azora in docker as before, or:`,
    ...(native
      ? [`install ${native.program} and make it an organ: command: ${native.command}`]
      : [`install its program, write its command, and remove the comment signs; or command: docker run --rm ${image}`]),
  ];
}
