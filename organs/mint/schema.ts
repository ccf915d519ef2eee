export const MIGRATIONS = [
  `CREATE TABLE wallets (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     address TEXT NOT NULL UNIQUE,
     sealed_key BLOB NOT NULL,
     threshold INTEGER NOT NULL,
     requires_passkey INTEGER NOT NULL,
     is_test INTEGER NOT NULL,
     created_at INTEGER NOT NULL
   );
   CREATE TABLE signers (
     wallet_id TEXT NOT NULL REFERENCES wallets ON DELETE CASCADE,
     id TEXT NOT NULL,
     kind TEXT NOT NULL,
     public_key TEXT NOT NULL,
     PRIMARY KEY (wallet_id, id)
   );
   CREATE TABLE transfers (
     id TEXT PRIMARY KEY,
     wallet_id TEXT NOT NULL REFERENCES wallets ON DELETE CASCADE,
     recipient TEXT NOT NULL,
     amount INTEGER NOT NULL,
     memo TEXT NOT NULL,
     status TEXT NOT NULL,
     reason TEXT,
     assessment TEXT NOT NULL,
     passkey_at INTEGER,
     created_at INTEGER NOT NULL,
     released_at INTEGER,
     reviewed_by TEXT,
     settlement TEXT,
     settlement_id TEXT,
     height INTEGER
   );
   CREATE INDEX transfers_by_wallet ON transfers (wallet_id, created_at);
   CREATE INDEX transfers_by_status ON transfers (status);
   CREATE TABLE approvals (
     transfer_id TEXT NOT NULL REFERENCES transfers ON DELETE CASCADE,
     signer_id TEXT NOT NULL,
     signature TEXT NOT NULL,
     approved_at INTEGER NOT NULL,
     PRIMARY KEY (transfer_id, signer_id)
   );
   CREATE TABLE passkeys (
     id TEXT PRIMARY KEY,
     wallet_id TEXT NOT NULL REFERENCES wallets ON DELETE CASCADE,
     public_key BLOB NOT NULL,
     counter INTEGER NOT NULL,
     transports TEXT NOT NULL
   );
   CREATE TABLE challenges (
     challenge TEXT PRIMARY KEY,
     wallet_id TEXT NOT NULL REFERENCES wallets ON DELETE CASCADE,
     transfer_id TEXT REFERENCES transfers ON DELETE CASCADE,
     expires_at INTEGER NOT NULL
   );`,
];
