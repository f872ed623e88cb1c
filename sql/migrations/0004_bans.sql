-- 0004: bans with an expiry (penstockctl ban), and what the frontends see of them.
-- admits: 1
--
-- A row never goes away: a ban ends by its expiry, which `penstockctl ban remove` sets to now.

CREATE TABLE IF NOT EXISTS ban (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    network     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_nopad_bin NULL COMMENT 'NULL for ip: a sender is banned from all',
    kind        ENUM ('ip', 'address', 'miner') NOT NULL,
    value       VARCHAR(90)   CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL COMMENT 'ADDRESS or NETWORK/BITS; a miner''s address; a miner''s guid',
    reason      VARCHAR(160)  NOT NULL DEFAULT '' COMMENT 'for operators; miners never see it',
    created_at  DATETIME(6)   NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    expires_at  DATETIME(6)   NULL COMMENT 'NULL: until removed',
    PRIMARY KEY (id),
    KEY ban_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE OR REPLACE ALGORITHM = MERGE SQL SECURITY DEFINER VIEW active_ban AS
    SELECT id, network, kind, value, reason, created_at, expires_at FROM ban
     WHERE expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6);

-- Those that hold now, without their reasons. A miner goes by its address when it asks for work and
-- by its guid when it hands in a solution: a ban of either is both.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW intake_ban AS
    SELECT kind, network, value FROM active_ban
    UNION
    SELECT 'miner', m.network, CAST(m.id AS CHAR(36) CHARACTER SET ascii)
      FROM active_ban b JOIN miner m ON m.network = b.network AND m.address = b.value
     WHERE b.kind = 'address'
    UNION
    SELECT 'address', m.network, m.address
      FROM active_ban b JOIN miner m ON m.id = CAST(b.value AS UUID)
     WHERE b.kind = 'miner';
