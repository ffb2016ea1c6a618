import type { Session } from './database.ts'

/** Told of every change of a task: `<id> <state>`. */
export const channel = 'framewright_tasks'

/** The steps by which the tables came to be, in order: a database remembers how many it has had. Never edit one. */
const steps: readonly string[] = [
  `
  CREATE TABLE framewright.tasks (
    id uuid PRIMARY KEY,
    seq bigserial UNIQUE,
    queue text NOT NULL,
    model text NOT NULL,
    owner text NOT NULL,
    api text NOT NULL,
    request json NOT NULL,
    about json NOT NULL,
    priority int NOT NULL,
    webhook json,
    state text NOT NULL DEFAULT 'queued'
      CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempt int NOT NULL DEFAULT 0,
    progress json NOT NULL,
    result json,
    failure json,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    worker uuid,
    lease_until timestamptz
  );
  CREATE INDEX tasks_of_owner ON framewright.tasks (owner, seq);
  CREATE INDEX tasks_active ON framewright.tasks (queue, state, priority DESC, seq)
    WHERE state IN ('queued', 'running');
  CREATE INDEX tasks_finished ON framewright.tasks (finished_at) WHERE finished_at IS NOT NULL;
  CREATE TABLE framewright.idempotency (
    owner text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    task uuid NOT NULL REFERENCES framewright.tasks ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (owner, key)
  );
  CREATE INDEX idempotency_of_task ON framewright.idempotency (task);
  CREATE TABLE framewright.keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    limits json NOT NULL
  );
  CREATE TABLE framewright.workers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    queue text NOT NULL,
    models json NOT NULL,
    lanes int NOT NULL,
    seen_at timestamptz NOT NULL
  );
  `,
  "ALTER TABLE framewright.workers ADD COLUMN adapters json NOT NULL DEFAULT '[]'",
]

/** Brings the tables to what this version needs. Processes that start together wait for each other. */
export async function migrate(session: Session): Promise<void> {
  await session.query('SELECT pg_advisory_xact_lock(7301264812)')
  await session.query(`
    CREATE SCHEMA IF NOT EXISTS framewright;
    CREATE TABLE IF NOT EXISTS framewright.version (steps int NOT NULL);
  `)
  const [row] = await session.query('SELECT steps FROM framewright.version')
  const had = (row?.steps as number | undefined) ?? 0
  for (const step of steps.slice(had)) await session.query(step)
  if (row === undefined) await session.query(`INSERT INTO framewright.version VALUES (${steps.length})`)
  else if (had < steps.length) await session.query(`UPDATE framewright.version SET steps = ${steps.length}`)
}
