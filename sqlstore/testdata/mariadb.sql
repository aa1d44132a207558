-- The statements of package sqlstore on mariadb, with the default table prefix.
-- This file is written by go test ./sqlstore -update. The parts of composed statements stand at the end.

-- name: load by SKU
-- Reads products by their SKUs, with the lines of some orders. On MariaDB: more than 50 products.
-- Parameters: skus, orders, orders, now, limit, now, now, limit, now.
WITH chosen (sku) AS (SELECT DISTINCT value FROM JSON_TABLE(?,
  '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT l.sku, l.order_id FROM (
    SELECT c.sku,
      COALESCE((SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
        WHERE l.held_sku = c.sku AND l.held_until <= ?
        ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET ?), ?) AS until,
      (SELECT l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
        WHERE l.held_sku = c.sku AND l.held_until <= ?
        ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET ?) AS order_id
    FROM chosen c LIMIT 1000000000) last STRAIGHT_JOIN allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku BETWEEN last.sku AND last.sku AND l.held_until <= last.until
    AND (last.order_id IS NULL OR l.held_until < last.until OR l.order_id <= last.order_id)),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = p.sku AND l.held_until > ? ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL,
    NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load by order
-- Reads all products of an order: Cancel, Confirm, Extend and Ship without SKUs.
-- Parameters: order, order, orders, orders, order, now, more, order, now, more, order, now, more, order,
-- now, more, now, limit, now, now, limit, order, order, order, order, order, order, now, order, order, now,
-- order, order, now, order, order, now, now.
WITH chosen (sku) AS (SELECT sku FROM allocation_lines WHERE order_id = ? AND part = 0
  UNION SELECT sku FROM allocation_waiting WHERE order_id = ?),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
      ORDER BY sku LIMIT 1 OFFSET 0) AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?) UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
      ORDER BY sku LIMIT 1 OFFSET 1) AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?) UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
      ORDER BY sku LIMIT 1 OFFSET 2) AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?) UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
      ORDER BY sku LIMIT 1 OFFSET 3) AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?) UNION
  SELECT l.sku, l.order_id FROM (
    SELECT c.sku,
      COALESCE((SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
        WHERE l.held_sku = c.sku AND l.held_until <= ?
        ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET ?), ?) AS until,
      (SELECT l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
        WHERE l.held_sku = c.sku AND l.held_until <= ?
        ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET ?) AS order_id
    FROM chosen c WHERE c.sku NOT IN (COALESCE((SELECT DISTINCT sku FROM allocation_lines
      WHERE order_id = ? AND part = 0 ORDER BY sku LIMIT 1 OFFSET 0), ''), COALESCE((SELECT DISTINCT sku
      FROM allocation_lines WHERE order_id = ? AND part = 0 ORDER BY sku LIMIT 1 OFFSET 1), ''),
      COALESCE((SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
      ORDER BY sku LIMIT 1 OFFSET 2), ''), COALESCE((SELECT DISTINCT sku FROM allocation_lines
      WHERE order_id = ? AND part = 0 ORDER BY sku LIMIT 1 OFFSET 3), '')) LIMIT 1000000000) last
      STRAIGHT_JOIN allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku BETWEEN last.sku AND last.sku AND l.held_until <= last.until
    AND (last.order_id IS NULL OR l.held_until < last.until OR l.order_id <= last.order_id)),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (CASE p.sku WHEN (SELECT DISTINCT sku
  FROM allocation_lines WHERE order_id = ? AND part = 0 ORDER BY sku LIMIT 1 OFFSET 0) THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
    ORDER BY sku LIMIT 1 OFFSET 0) AND l.held_until > ?
    ORDER BY l.held_until LIMIT 1) WHEN (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ?
    AND part = 0 ORDER BY sku LIMIT 1 OFFSET 1) THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
    ORDER BY sku LIMIT 1 OFFSET 1) AND l.held_until > ?
    ORDER BY l.held_until LIMIT 1) WHEN (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ?
    AND part = 0 ORDER BY sku LIMIT 1 OFFSET 2) THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
    ORDER BY sku LIMIT 1 OFFSET 2) AND l.held_until > ?
    ORDER BY l.held_until LIMIT 1) WHEN (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ?
    AND part = 0 ORDER BY sku LIMIT 1 OFFSET 3) THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = (SELECT DISTINCT sku FROM allocation_lines WHERE order_id = ? AND part = 0
    ORDER BY sku LIMIT 1 OFFSET 3) AND l.held_until > ? ORDER BY l.held_until LIMIT 1) ELSE (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = p.sku AND l.held_until > ? ORDER BY l.held_until LIMIT 1) END), NULL, NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load by batch
-- Reads the product of a batch with a page of the newest lines: ReceiveBatch, ChangeBatchQuantity and others.
-- Parameters: batch, orders, orders, batch, now, more, batch, batch, more, batch, batch, now.
WITH chosen (sku) AS (SELECT sku FROM allocation_batches WHERE ref = ?),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?)
  UNION
  SELECT leaving.sku, leaving.order_id FROM (
    SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) leaving),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT ref FROM allocation_batches WHERE ref = ?)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.held_until > ?
    ORDER BY l.held_until LIMIT 1), NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load by SKU, with what is due
-- Reads a product with the batches that are due: Sweep. On MariaDB: more than 50 products.
-- Parameters: skus, orders, orders, now, limit, now, now, limit, now, now, from, from, behind.
WITH chosen (sku) AS (SELECT DISTINCT value FROM JSON_TABLE(?,
  '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  SELECT l.sku, l.order_id FROM (
    SELECT c.sku,
      COALESCE((SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
        WHERE l.held_sku = c.sku AND l.held_until <= ?
        ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET ?), ?) AS until,
      (SELECT l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
        WHERE l.held_sku = c.sku AND l.held_until <= ?
        ORDER BY l.held_until, l.order_id LIMIT 1 OFFSET ?) AS order_id
    FROM chosen c LIMIT 1000000000) last STRAIGHT_JOIN allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku BETWEEN last.sku AND last.sku AND l.held_until <= last.until
    AND (last.order_id IS NULL OR l.held_until < last.until OR l.order_id <= last.order_id)),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_due_by_sku)
    WHERE b.sku BETWEEN c.sku AND c.sku AND b.due <= ?)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = p.sku AND l.held_until > ? ORDER BY l.held_until LIMIT 1), (SELECT MIN(w.needed_by)
    FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed_by_sku)
  WHERE w.sku = p.sku AND w.needed_by >= ? - 1 AND (w.needed_by > ? - 1 OR w.sku > ?)), NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of what is due
-- Reads the products with the holds and batches that were due first: Sweep. On MariaDB: finds the products.
-- Parameters: now, from, from, behind, limit, now, from, from, behind, limit, now, from, from, behind,
-- limit, from, from, behind, limit, limit.
SELECT DISTINCT oldest.sku FROM (
SELECT due.sku FROM (
  SELECT holds.moment, holds.sku FROM (
    SELECT l.lapses AS moment, l.held_sku AS sku
      FROM allocation_lines l FORCE INDEX (allocation_lines_lapsing)
    WHERE l.lapses <= ? AND l.lapses >= ? AND (l.lapses > ? OR l.held_sku > ?)
    ORDER BY l.lapses, l.held_sku LIMIT ?) holds
  UNION ALL
  SELECT lots.moment, lots.sku FROM (
    SELECT b.due AS moment, b.sku FROM allocation_batches b FORCE INDEX (allocation_batches_due)
    WHERE b.due <= ? AND b.due >= ? AND (b.due > ? OR b.sku > ?)
    ORDER BY b.due, b.sku LIMIT ?) lots
  UNION ALL
  SELECT needed.moment, needed.sku FROM (
    SELECT w.needed_by + 1 AS moment, w.sku FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed)
    WHERE w.needed_by < ? AND w.needed_by >= ? - 1 AND (w.needed_by > ? - 1 OR w.sku > ?)
    ORDER BY w.needed_by, w.sku LIMIT ?) needed
  UNION ALL
  SELECT serving.moment, serving.sku FROM (
    SELECT -62135596800000000 AS moment, marked.sku
    FROM allocation_products marked FORCE INDEX (allocation_products_serving)
    WHERE marked.serving_sequence > 0 AND -62135596800000000 >= ?
      AND (-62135596800000000 > ? OR marked.sku > ?)
    ORDER BY marked.sku LIMIT ?) serving) due
ORDER BY due.moment, due.sku LIMIT ?) oldest
;

-- name: load of those who wait
-- Reads a page of the lines of a product that wait: Cancel, AddBatch and others, if anybody waits.
-- Parameters: skus, orders, orders, sku0, now, more, sku0, serving_priority, serving_sequence, more, sku0,
-- serving_priority, more, more, sku0, sku0, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = ? AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?)
  UNION
  SELECT page.sku, page.order_id FROM (
    SELECT * FROM (SELECT w.sku, w.order_id, w.priority, w.sequence
      FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
      WHERE w.sku = ? AND w.priority = ? AND w.sequence >= ?
      ORDER BY w.sequence LIMIT ?) same
    UNION ALL
    SELECT * FROM (SELECT w.sku, w.order_id, w.priority, w.sequence
      FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
      WHERE w.sku = ? AND w.priority < ?
      ORDER BY w.priority DESC, w.sequence LIMIT ?) lower
    ORDER BY priority DESC, sequence LIMIT ?) page),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (CASE p.sku WHEN ? THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1) END), NULL, NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of those who wait no longer
-- Reads a page of the lines of a product that wait although NeededBy has passed: Sweep.
-- Parameters: skus, orders, orders, sku0, now, more, sku0, now, more, now, sku0, sku0, now, from, from,
-- behind.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = ? AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?)
  UNION
  SELECT page.sku, page.order_id FROM (
    SELECT w.sku, w.order_id FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed_by_sku)
    WHERE w.sku = ? AND w.needed_by < ? ORDER BY w.needed_by, w.order_id, w.line LIMIT ?) page),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_due_by_sku)
    WHERE b.sku BETWEEN c.sku AND c.sku AND b.due <= ?)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (CASE p.sku WHEN ? THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1) END),
    (SELECT MIN(w.needed_by) FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed_by_sku)
  WHERE w.sku = p.sku AND w.needed_by >= ? - 1 AND (w.needed_by > ? - 1 OR w.sku > ?)), NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: SKUs of an order
-- Finds the products to lock before a load by order, inside Locked.
-- Parameters: order, order.
SELECT sku FROM allocation_lines WHERE order_id = ? AND part = 0
UNION SELECT sku FROM allocation_waiting WHERE order_id = ?
;

-- name: SKU of a batch
-- Finds the product to lock before a load by batch, inside Locked.
-- Parameters: batch.
SELECT sku FROM allocation_batches WHERE ref = ?
;

-- name: SKUs of several orders
-- Finds the products to lock before a load by order with further orders, inside Locked: HandOver.
-- Parameters: orders, orders.
SELECT l.sku FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
  STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0
UNION SELECT w.sku FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
  STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value
;

-- name: SKUs of what is due
-- Finds the products to lock before a load of what is due, inside Locked.
-- Parameters: now, from, from, behind, limit, now, from, from, behind, limit, now, from, from, behind,
-- limit, from, from, behind, limit, limit.
SELECT DISTINCT oldest.sku FROM (
SELECT due.sku FROM (
  SELECT holds.moment, holds.sku FROM (
    SELECT l.lapses AS moment, l.held_sku AS sku
      FROM allocation_lines l FORCE INDEX (allocation_lines_lapsing)
    WHERE l.lapses <= ? AND l.lapses >= ? AND (l.lapses > ? OR l.held_sku > ?)
    ORDER BY l.lapses, l.held_sku LIMIT ?) holds
  UNION ALL
  SELECT lots.moment, lots.sku FROM (
    SELECT b.due AS moment, b.sku FROM allocation_batches b FORCE INDEX (allocation_batches_due)
    WHERE b.due <= ? AND b.due >= ? AND (b.due > ? OR b.sku > ?)
    ORDER BY b.due, b.sku LIMIT ?) lots
  UNION ALL
  SELECT needed.moment, needed.sku FROM (
    SELECT w.needed_by + 1 AS moment, w.sku FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed)
    WHERE w.needed_by < ? AND w.needed_by >= ? - 1 AND (w.needed_by > ? - 1 OR w.sku > ?)
    ORDER BY w.needed_by, w.sku LIMIT ?) needed
  UNION ALL
  SELECT serving.moment, serving.sku FROM (
    SELECT -62135596800000000 AS moment, marked.sku
    FROM allocation_products marked FORCE INDEX (allocation_products_serving)
    WHERE marked.serving_sequence > 0 AND -62135596800000000 >= ?
      AND (-62135596800000000 > ? OR marked.sku > ?)
    ORDER BY marked.sku LIMIT ?) serving) due
ORDER BY due.moment, due.sku LIMIT ?) oldest
;

-- name: lock products
-- Locks products in the order of their SKUs before a load inside Locked.
-- Parameters: skus.
SELECT p.sku, p.version FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k
STRAIGHT_JOIN allocation_products p FORCE INDEX (PRIMARY) ON p.sku = k.value
  WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
FOR UPDATE
;

-- name: check versions
-- A commit of a unit of work that read products and changed none.
-- Parameters: skus.
SELECT p.sku, p.version FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k
  STRAIGHT_JOIN allocation_products p WHERE p.sku = k.value
;

-- name: audit
-- Reads the counters of a product's batches and the sums of its lines and events: Reconcile, Mend.
-- Parameters: sku, sku, sku, sku, sku, sku.
SELECT 0, '', version, COALESCE((SELECT MAX(sequence) FROM allocation_events WHERE sku = ?), 0)
FROM allocation_products WHERE sku = ?
UNION ALL
SELECT 1, b.ref, b.purchased, b.allocated
FROM allocation_batches b FORCE INDEX (allocation_batches_by_sku) WHERE b.sku = ?
UNION ALL
SELECT 2, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS SIGNED)
FROM (SELECT b.sku, b.ref FROM allocation_batches b FORCE INDEX (allocation_batches_by_sku)
  WHERE b.sku = ?) b STRAIGHT_JOIN allocation_lines l FORCE INDEX (allocation_lines_leaving)
  WHERE l.sku = b.sku AND l.batch_ref = b.ref AND l.open = 1 GROUP BY l.batch_ref
UNION ALL
SELECT 3, batch_ref, CAST(SUM(purchased) AS SIGNED), CAST(SUM(allocated) AS SIGNED)
FROM allocation_events WHERE sku = ? AND batch_ref IS NOT NULL GROUP BY batch_ref
UNION ALL
SELECT 3, batch_ref, purchased, allocated FROM allocation_purged WHERE sku = ?
;

-- name: audit of many products
-- Reads the same of a page of products: ReconcileAll.
-- Parameters: after, page.
WITH chosen (sku) AS (SELECT p.sku FROM allocation_products p WHERE p.sku > ? ORDER BY p.sku LIMIT ?)
SELECT 0, p.sku, '', p.version, COALESCE((SELECT MAX(sequence) FROM allocation_events e
  WHERE e.sku = p.sku), 0)
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.purchased, b.allocated
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_by_sku) WHERE b.sku = c.sku
UNION ALL
SELECT 2, l.sku, l.batch_ref, 0, CAST(SUM(l.quantity - l.shipped) AS SIGNED)
FROM (SELECT b.sku, b.ref FROM chosen c
  STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_by_sku)
  WHERE b.sku = c.sku) b STRAIGHT_JOIN allocation_lines l FORCE INDEX (allocation_lines_leaving)
  WHERE l.sku = b.sku AND l.batch_ref = b.ref AND l.open = 1 GROUP BY l.sku, l.batch_ref
UNION ALL
SELECT 3, e.sku, e.batch_ref,
  CAST(SUM(e.purchased) AS SIGNED), CAST(SUM(e.allocated) AS SIGNED)
FROM chosen c STRAIGHT_JOIN allocation_events e WHERE e.sku = c.sku AND e.batch_ref IS NOT NULL
GROUP BY e.sku, e.batch_ref
UNION ALL
SELECT 3, g.sku, g.batch_ref, g.purchased, g.allocated
FROM chosen c STRAIGHT_JOIN allocation_purged g WHERE g.sku = c.sku
;

-- name: events
-- Reads a page of a product's events: Events.
-- Parameters: sku, after, limit.
SELECT sequence, kind, data FROM allocation_events
WHERE sku = ? AND sequence > ? ORDER BY sequence LIMIT ?
;

-- name: commit: change a product
-- A commit that changes a product: nearly every verb.
-- Parameters: version, refused, low_stock, low, sku, seen.
UPDATE allocation_products SET version = ?, refused = ?, low_stock = ?, low = ?
WHERE sku = ? AND version = ? AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change a batch
-- A commit that changes more of a batch than the counters: ReceiveBatch and others.
-- Parameters: purchased, allocated, eta, arrived_at, blocked, expired, due, dated, counted_at,
-- counted_quantity, shipped_at, ref, sku.
UPDATE allocation_batches SET purchased = purchased + ?, allocated = allocated + ?, eta = ?, arrived_at = ?,
  blocked = ?, expired = ?, due = ?, dated = ?, counted_at = ?, counted_quantity = ?, shipped_at = ?
WHERE ref = ? AND sku = ? AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change the counters of a batch
-- A commit that changes the counters of a batch alone: Allocate, Cancel and others.
-- Parameters: purchased, allocated, ref, sku.
UPDATE allocation_batches SET purchased = purchased + ?, allocated = allocated + ?
WHERE ref = ? AND sku = ? AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: wait no longer
-- A commit with a line that waits no longer, or for other units: the fill of a line, Cancel.
-- Parameters: rows.
DELETE w FROM JSON_TABLE(?, '$[*]' COLUMNS (order_id VARBINARY(255) PATH '$[0]',
  sku VARBINARY(255) PATH '$[1]', line VARBINARY(255) PATH '$[2]')) x
STRAIGHT_JOIN allocation_waiting w FORCE INDEX (PRIMARY)
ON w.order_id = x.order_id AND w.sku = x.sku AND w.line = x.line WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change where serving goes on
-- A commit that served a page of those who wait, or everybody: ReceiveBatch of many units.
-- Parameters: rows.
UPDATE JSON_TABLE(?, '$[*]' COLUMNS (sku VARBINARY(255) PATH '$[0]', serving_priority SMALLINT PATH '$[1]',
  serving_sequence BIGINT PATH '$[2]')) x
STRAIGHT_JOIN allocation_products p FORCE INDEX (PRIMARY) ON p.sku = x.sku
SET p.serving_priority = x.serving_priority, p.serving_sequence = x.serving_sequence
  WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change a product and a batch
-- A commit that changes one product and one of its batches, not in the counters alone: ReceiveBatch.
-- Parameters: batch_ref, product_version, product_refused, product_low_stock, product_low, batch_purchased,
-- batch_allocated, batch_eta, batch_arrived_at, batch_blocked, batch_expired, batch_due, batch_dated,
-- batch_counted_at, batch_counted_quantity, batch_shipped_at, product_sku, product_seen.
UPDATE allocation_products p STRAIGHT_JOIN allocation_batches b FORCE INDEX (PRIMARY) ON b.ref = ?
  AND b.sku = p.sku
SET p.version = ?, p.refused = ?, p.low_stock = ?, p.low = ?,
  b.purchased = b.purchased + ?, b.allocated = b.allocated + ?, b.eta = ?, b.arrived_at = ?, b.blocked = ?,
    b.expired = ?, b.due = ?, b.dated = ?, b.counted_at = ?, b.counted_quantity = ?, b.shipped_at = ?
WHERE p.sku = ? AND p.version = ? AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change a product and the counters of a batch
-- A commit that changes one product and the counters of one of its batches: most sales.
-- Parameters: batch_ref, product_version, product_refused, product_low_stock, product_low, batch_purchased,
-- batch_allocated, product_sku, product_seen.
UPDATE allocation_products p STRAIGHT_JOIN allocation_batches b FORCE INDEX (PRIMARY) ON b.ref = ?
  AND b.sku = p.sku
SET p.version = ?, p.refused = ?, p.low_stock = ?, p.low = ?,
  b.purchased = b.purchased + ?, b.allocated = b.allocated + ?
WHERE p.sku = ? AND p.version = ? AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: lock products
-- A commit that changes some products and only checks the versions of others.
-- Parameters: skus.
SELECT p.sku, p.version FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k
STRAIGHT_JOIN allocation_products p FORCE INDEX (PRIMARY) ON p.sku = k.value
  WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
FOR UPDATE
;

-- name: commit: change products
-- A commit that changes several products: an order of several lines.
-- Parameters: rows.
UPDATE JSON_TABLE(?, '$[*]' COLUMNS (sku VARBINARY(255) PATH '$[0]', seen BIGINT PATH '$[1]',
  version BIGINT PATH '$[2]', refused BIGINT PATH '$[3]', low_stock BIGINT PATH '$[4]',
  low SMALLINT PATH '$[5]')) x
STRAIGHT_JOIN allocation_products p FORCE INDEX (PRIMARY) ON p.sku = x.sku AND p.version = x.seen
SET p.version = x.version, p.refused = x.refused, p.low_stock = x.low_stock, p.low = x.low
  WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change batches
-- A commit that changes several batches, not in the counters alone: ChangeBatchQuantity that moves lines.
-- Parameters: rows.
UPDATE JSON_TABLE(?, '$[*]' COLUMNS (ref VARBINARY(255) PATH '$[0]', sku VARBINARY(255) PATH '$[1]',
  purchased BIGINT PATH '$[2]', allocated BIGINT PATH '$[3]', eta BIGINT PATH '$[4]',
  arrived_at BIGINT PATH '$[5]', blocked VARBINARY(255) PATH '$[6]', expired SMALLINT PATH '$[7]',
  due BIGINT PATH '$[8]', dated SMALLINT PATH '$[9]', counted_at BIGINT PATH '$[10]',
  counted_quantity BIGINT PATH '$[11]', shipped_at BIGINT PATH '$[12]')) x
STRAIGHT_JOIN allocation_batches b FORCE INDEX (PRIMARY) ON b.ref = x.ref AND b.sku = x.sku
  SET b.purchased = b.purchased + x.purchased, b.allocated = b.allocated + x.allocated, b.eta = x.eta,
    b.arrived_at = x.arrived_at, b.blocked = x.blocked, b.expired = x.expired, b.due = x.due,
    b.dated = x.dated, b.counted_at = x.counted_at, b.counted_quantity = x.counted_quantity,
    b.shipped_at = x.shipped_at WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: change the counters of batches
-- A commit that changes the counters of several batches alone: an order of several lines.
-- Parameters: rows.
UPDATE JSON_TABLE(?, '$[*]' COLUMNS (ref VARBINARY(255) PATH '$[0]', sku VARBINARY(255) PATH '$[1]',
  purchased BIGINT PATH '$[2]', allocated BIGINT PATH '$[3]')) x
STRAIGHT_JOIN allocation_batches b FORCE INDEX (PRIMARY) ON b.ref = x.ref AND b.sku = x.sku
  SET b.purchased = b.purchased + x.purchased, b.allocated = b.allocated + x.allocated
    WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: commit: count batches
-- A commit whose UPDATE changed fewer batches than it should: one has its values already, or is missing.
-- Parameters: rows.
SELECT COUNT(*) FROM JSON_TABLE(?, '$[*]' COLUMNS (ref VARBINARY(255) PATH '$[0]',
  sku VARBINARY(255) PATH '$[1]')) x
STRAIGHT_JOIN allocation_batches b FORCE INDEX (PRIMARY) ON b.ref = x.ref AND b.sku = x.sku
;

-- name: commit: remove lines
-- A commit that removes lines, or writes lines anew: Cancel, Ship.
-- Parameters: rows.
DELETE l FROM JSON_TABLE(?, '$[*]' COLUMNS (order_id VARBINARY(255) PATH '$[0]',
  sku VARBINARY(255) PATH '$[1]', line VARBINARY(255) PATH '$[2]', part INT PATH '$[3]')) x
STRAIGHT_JOIN allocation_lines l FORCE INDEX (PRIMARY)
ON l.order_id = x.order_id AND l.sku = x.sku AND l.line = x.line WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: outbox: find claimable products
-- Finds products with unsent events that nobody has leased: Claim, before the lease.
-- Parameters: now, after, page.
WITH busy (sku) AS (
  SELECT d.sku FROM allocation_deliveries d
  WHERE d.not_before > ? OR d.dead = 1 AND d.sequence >= (SELECT h.unsent_from
    FROM allocation_events h FORCE INDEX (allocation_events_unsent) WHERE h.unsent_sku = d.sku
    ORDER BY h.sequence LIMIT 1))
SELECT g.sku, CASE WHEN g.sku NOT IN (SELECT sku FROM busy) THEN (SELECT h.unsent_from
  FROM allocation_events h FORCE INDEX (allocation_events_unsent) WHERE h.unsent_sku = g.sku
  ORDER BY h.sequence LIMIT 1) END,
  SUM(g.marks) OVER (ORDER BY g.sku)
FROM (SELECT t.sku, COUNT(*) AS marks FROM (
  SELECT e.unsent_sku AS sku FROM allocation_events e FORCE INDEX (allocation_events_unsent)
  WHERE e.unsent_sku > ? ORDER BY e.unsent_sku, e.sequence LIMIT ?) t GROUP BY t.sku) g
ORDER BY g.sku
;

-- name: outbox: lease products
-- Leases products for a relay: Claim.
-- Parameters: owner, claim, until, rows, now, claim, claim, claim, claim, claim.
INSERT INTO allocation_deliveries (sku, owner, claim, not_before, sequence, tries, retry_at, dead, error)
SELECT x.sku, ?, ?, ?, x.sequence, 0, 0, 0, ''
FROM JSON_TABLE(?, '$[*]' COLUMNS (sku VARBINARY(255) PATH '$.sku', sequence BIGINT PATH '$.sequence')) x
ON DUPLICATE KEY UPDATE
  claim = IF(allocation_deliveries.not_before <= ?
      AND (allocation_deliveries.dead = 0 OR allocation_deliveries.sequence < VALUES(sequence)),
    VALUES(claim), allocation_deliveries.claim),
  owner = IF(allocation_deliveries.claim = ?, VALUES(owner), allocation_deliveries.owner),
  not_before = IF(allocation_deliveries.claim = ?, VALUES(not_before), allocation_deliveries.not_before),
  tries = IF(allocation_deliveries.claim = ? AND allocation_deliveries.sequence < VALUES(sequence), 0,
    allocation_deliveries.tries),
  dead = IF(allocation_deliveries.claim = ?, 0, allocation_deliveries.dead),
  sequence = IF(allocation_deliveries.claim = ?,
    GREATEST(allocation_deliveries.sequence, VALUES(sequence)), allocation_deliveries.sequence)
RETURNING sku, sequence, tries, claim
;

-- name: outbox: read unsent events
-- Reads the first unsent events of the leased products: Claim.
-- Parameters: skus, events, events.
SELECT w.sku, w.last, e.sequence, e.kind, e.data, e.trace_parent FROM (
WITH RECURSIVE leased (sku, sequence, last) AS (
  SELECT k.value, (SELECT h.unsent_from FROM allocation_events h FORCE INDEX (allocation_events_unsent)
    WHERE h.unsent_sku = k.value ORDER BY h.sequence LIMIT 1),
    (SELECT h.sequence FROM allocation_events h FORCE INDEX (allocation_events_unsent)
      WHERE h.unsent_sku = k.value ORDER BY h.sequence DESC LIMIT 1)
  FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, sequence, until, last) AS (
  SELECT l.sku, l.sequence,
    CASE WHEN l.last - l.sequence < ? THEN l.last ELSE l.sequence + ? - 1 END, l.last
  FROM leased l WHERE l.sequence IS NOT NULL
  UNION ALL
  SELECT w.sku, w.sequence + 1, w.until, w.last FROM wanted w WHERE w.sequence < w.until)
SELECT * FROM wanted) w STRAIGHT_JOIN allocation_events e WHERE e.sku = w.sku AND e.sequence = w.sequence
;

-- name: outbox: release a product
-- Ends the lease of a product that has no unsent events any more: Claim.
-- Parameters: sku, claim.
DELETE FROM allocation_deliveries WHERE sku = ? AND claim = ?
;

-- name: outbox: mark events as sent
-- Settle of a delivery without a failure; PostgreSQL ends the lease in the same statement.
-- Parameters: sent, sent, sku, sent, sku, sent, sent.
UPDATE allocation_events AS e FORCE INDEX (allocation_events_unsent)
SET unsent_from = CASE WHEN e.sequence <= ? THEN NULL ELSE ? + 1 END
WHERE e.unsent_sku = ? AND e.unsent_from <= ? AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h FORCE INDEX (allocation_events_unsent)
    WHERE h.unsent_sku = ? AND h.sequence >= ?), ?)
;

-- name: outbox: end a lease
-- Settle of a delivery without a failure.
-- Parameters: sku, owner, sent.
DELETE FROM allocation_deliveries
WHERE sku = ? AND owner = ? AND claim IS NOT NULL AND (tries = 0 OR sequence <= ?)
;

-- name: outbox: mark events before a failure as sent
-- Settle of a delivery with a failure; PostgreSQL keeps the failure in the same statement.
-- Parameters: sent, sent, sku, sent, sku, sent, sent.
UPDATE allocation_events AS e FORCE INDEX (allocation_events_unsent)
SET unsent_from = CASE WHEN e.sequence <= ? THEN NULL ELSE ? + 1 END
WHERE e.unsent_sku = ? AND e.unsent_from <= ? AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h FORCE INDEX (allocation_events_unsent)
    WHERE h.unsent_sku = ? AND h.sequence >= ?), ?)
;

-- name: outbox: keep a failure
-- Settle of a delivery with a failure.
-- Parameters: retry_at, retry_at, sequence, tries, dead, error, sku, owner.
UPDATE allocation_deliveries SET claim = NULL, not_before = ?, retry_at = ?,
  sequence = ?, tries = ?, dead = ?, error = ?
WHERE sku = ? AND owner = ? AND claim IS NOT NULL
;

-- name: outbox: give a product back
-- Settle of a delivery of which nothing new was sent: the failure stays, the lease ends.
-- Parameters: sku, owner.
UPDATE allocation_deliveries SET claim = NULL, not_before = retry_at
WHERE sku = ? AND owner = ? AND claim IS NOT NULL
;

-- name: outbox: backlog
-- Counts the unsent events: Backlog.
SELECT COUNT(*), COALESCE(CAST(SUM(g.events) AS SIGNED), 0),
  MIN((SELECT f.at FROM allocation_events f WHERE f.sku = g.sku AND f.sequence = g.sequence))
FROM (
  SELECT e.sku, MIN(e.unsent_from) AS sequence, SUM(e.sequence - e.unsent_from + 1) AS events
  FROM allocation_events e FORCE INDEX (allocation_events_unsent) WHERE e.unsent_sku > '' GROUP BY e.sku) g
;

-- name: outbox: failures
-- Lists the products whose first unsent event failed: Failures.
-- Parameters: after, limit.
SELECT d.sku, d.sequence, d.tries, d.retry_at, d.dead, d.error FROM allocation_deliveries d
WHERE d.sku > ? AND d.tries > 0 AND d.sequence = (SELECT h.unsent_from
  FROM allocation_events h FORCE INDEX (allocation_events_unsent) WHERE h.unsent_sku = d.sku
  ORDER BY h.sequence LIMIT 1)
ORDER BY d.sku LIMIT ?
;

-- name: outbox: forget a failure
-- Lets a failed event be tried again: Retry.
-- Parameters: sku, sku.
UPDATE allocation_deliveries SET tries = 0, dead = 0,
  not_before = CASE WHEN claim IS NULL THEN -62135596800000000 ELSE not_before END
WHERE sku = ? AND tries > 0 AND sequence = (SELECT h.unsent_from
  FROM allocation_events h FORCE INDEX (allocation_events_unsent) WHERE h.unsent_sku = ?
  ORDER BY h.sequence LIMIT 1)
;

-- name: outbox: forget the failure of an event
-- Gives a failed event up: Skip, first statement.
-- Parameters: sku, sku, sequence.
UPDATE allocation_deliveries SET tries = 0, dead = 0,
  not_before = CASE WHEN claim IS NULL THEN -62135596800000000 ELSE not_before END
WHERE sku = ? AND tries > 0 AND sequence = (SELECT h.unsent_from
  FROM allocation_events h FORCE INDEX (allocation_events_unsent) WHERE h.unsent_sku = ?
  ORDER BY h.sequence LIMIT 1) AND sequence = ? AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: outbox: mark a skipped event as sent
-- Gives a failed event up: Skip, second statement.
-- Parameters: sent, sent, sku, sent, sku, sent, sent.
UPDATE allocation_events AS e FORCE INDEX (allocation_events_unsent)
SET unsent_from = CASE WHEN e.sequence <= ? THEN NULL ELSE ? + 1 END
WHERE e.unsent_sku = ? AND e.unsent_from <= ? AND e.sequence <= COALESCE((
  SELECT MIN(h.sequence) FROM allocation_events h FORCE INDEX (allocation_events_unsent)
    WHERE h.unsent_sku = ? AND h.sequence >= ?), ?) AND 0 * (~0 + (1 - @@in_transaction)) = 0
;

-- name: outbox: first events
-- Reads a page of products with the time of the first event of each: Purge.
-- Parameters: after, limit.
SELECT p.sku, (SELECT e.at FROM allocation_events e WHERE e.sku = p.sku ORDER BY e.sequence LIMIT 1)
FROM (SELECT sku FROM allocation_products WHERE sku > ? ORDER BY sku LIMIT ?) p ORDER BY p.sku
;

-- name: outbox: events of a product
-- Finds how far a product's events are sent and old: Purge.
-- Parameters: before, sku, sku, limit.
SELECT MIN(t.sequence), MAX(t.sequence), MIN(CASE WHEN t.at >= ? THEN t.sequence END),
  (SELECT h.unsent_from FROM allocation_events h FORCE INDEX (allocation_events_unsent)
    WHERE h.unsent_sku = ? ORDER BY h.sequence LIMIT 1)
FROM (SELECT e.sequence, e.at FROM allocation_events e WHERE e.sku = ? ORDER BY e.sequence LIMIT ?) t
;

-- name: outbox: delete events
-- Deletes the old events of a product: Purge.
-- Parameters: sku, end.
DELETE FROM allocation_events WHERE sku = ? AND sequence < ?
  AND 0 * (~0 + (1 - @@in_transaction)) = 0 RETURNING batch_ref, purchased, allocated
;

-- name: outbox: add to the sums
-- Adds what deleted events had moved to the sums of their batches: Purge.
-- Parameters: rows.
  INSERT INTO allocation_purged (sku, batch_ref, purchased, allocated)
  SELECT x.sku, x.batch_ref, x.purchased, x.allocated
  FROM JSON_TABLE(?, '$[*]' COLUMNS (sku VARBINARY(255) PATH '$.sku',
    batch_ref VARBINARY(255) PATH '$.batch_ref', purchased BIGINT PATH '$.purchased',
    allocated BIGINT PATH '$.allocated')) x WHERE 0 * (~0 + (1 - @@in_transaction)) = 0
ON DUPLICATE KEY UPDATE purchased = IF(allocation_purged.batch_ref = '', 0,
  allocation_purged.purchased) + VALUES(purchased),
  allocated = allocation_purged.allocated + VALUES(allocated)
;

-- name: view: order
-- Reads the lines of an order: Order.
-- Parameters: order, order.
SELECT l.sku, l.line, l.held_until, l.sequence, l.needed_by, l.fresh_until, l.location, l.priority, l.late,
  l.batch_ref, l.quantity, l.shipped, b.eta, b.location, b.best_before, 0, l.part AS part
FROM (SELECT * FROM allocation_lines WHERE order_id = ?) l STRAIGHT_JOIN allocation_batches b
  WHERE b.ref = l.batch_ref
UNION ALL
SELECT w.sku, w.line, NULL, w.sequence, w.needed_by, w.fresh_until, w.location, w.priority, 0,
  '', 0, 0, NULL, '', NULL, w.quantity, 1000000000
FROM allocation_waiting w WHERE w.order_id = ?
ORDER BY sku, line, part
;

-- name: view: lines of a batch
-- Reads a page of the lines that wait for units of a batch: BatchLines.
-- Parameters: batch, batch, held, priority, sequence, page, batch, batch, held, priority, page, batch,
-- batch, held, page, page.
SELECT order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.batch_ref = ? AND l.open = 1
      AND l.held = ? AND l.priority = CAST(? AS SIGNED) AND l.sequence < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm1
  UNION ALL
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.batch_ref = ? AND l.open = 1
      AND l.held = ? AND l.priority > CAST(? AS SIGNED)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm2
  UNION ALL
  SELECT * FROM (
    SELECT l.order_id, l.line, l.quantity, l.shipped, l.held_until, l.priority, l.sequence, l.held
      FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ?) AND l.batch_ref = ? AND l.open = 1
      AND l.held < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm3) page
ORDER BY held DESC, priority, sequence DESC LIMIT ?
;

-- name: view: batches
-- Reads a page of the batches of a product: Batches.
-- Parameters: sku, sku, sku, now, sku, after, page.
WITH chosen (sku) AS (SELECT sku FROM allocation_products WHERE sku = ?),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT 0, page.ref, page.location, page.lot, page.blocked, page.announced_blocked, page.split_from,
  page.purchased, page.allocated, page.announced_quantity, page.expired, page.dated, page.eta,
  page.best_before, page.announced_eta, page.arrived_at, page.due, page.counted_at, page.counted_quantity,
  page.shipped_at
FROM (
  SELECT * FROM allocation_batches b FORCE INDEX (allocation_batches_by_sku)
  WHERE b.sku = ? AND b.ref > ? ORDER BY b.ref LIMIT ?) page
UNION ALL
SELECT u.units, u.ref, '', '', '', '', '', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM unbound u
;

-- name: view: queues
-- Reads how many lines and units wait for products: Queues.
-- Parameters: skus.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k)
SELECT p.sku, COUNT(w.sku), CAST(COALESCE(SUM(w.quantity), 0) AS SIGNED)
FROM (SELECT p.sku FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku) p
LEFT JOIN allocation_waiting w ON w.sku = p.sku
GROUP BY p.sku
;

-- name: view: places of an order
-- Reads how many lines come before those of an order: Places.
-- Parameters: order.
SELECT w.sku, w.line, w.quantity,
  (SELECT COUNT(*) FROM allocation_waiting o FORCE INDEX (allocation_waiting_served) WHERE o.sku = w.sku
    AND o.priority > w.priority)
  + (SELECT COUNT(*) FROM allocation_waiting o FORCE INDEX (allocation_waiting_served)
    WHERE o.sku = w.sku AND o.priority = w.priority AND o.sequence < w.sequence)
FROM allocation_waiting w WHERE w.order_id = ?
ORDER BY w.sku, w.line
;

-- name: view: stock
-- Reads what can be promised of products: Stock. On MariaDB: of one product.
-- Parameters: skus, sku0, sku0, now, order, order, now, now, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref)),
freed (ref, units) AS (
  SELECT f.ref, CAST(SUM(f.units) AS SIGNED) FROM (
    SELECT u.ref, u.units FROM unbound u
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM chosen c STRAIGHT_JOIN allocation_lines l WHERE ? <> '' AND l.order_id = ? AND l.sku = c.sku
      AND l.shipped < l.quantity
      AND (l.held_until IS NULL OR l.held_until > ?)) f
  GROUP BY f.ref)
SELECT p.sku, p.version, NULL, 0 FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END
FROM freed u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: stock of two products
-- Reads what can be promised of two products. Up to 50 products repeat the part for each.
-- Parameters: skus, sku0, sku0, now, sku1, sku1, now, order, order, now, now, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref)
  UNION ALL
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref)),
freed (ref, units) AS (
  SELECT f.ref, CAST(SUM(f.units) AS SIGNED) FROM (
    SELECT u.ref, u.units FROM unbound u
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM chosen c STRAIGHT_JOIN allocation_lines l WHERE ? <> '' AND l.order_id = ? AND l.sku = c.sku
      AND l.shipped < l.quantity
      AND (l.held_until IS NULL OR l.held_until > ?)) f
  GROUP BY f.ref)
SELECT p.sku, p.version, NULL, 0 FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END
FROM freed u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: stock of many products
-- Reads what can be promised of more than 32 products.
-- Parameters: skus, now, order, order, now, now, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref)),
freed (ref, units) AS (
  SELECT f.ref, CAST(SUM(f.units) AS SIGNED) FROM (
    SELECT u.ref, u.units FROM unbound u
    UNION ALL
    SELECT l.batch_ref, l.quantity - l.shipped
    FROM chosen c STRAIGHT_JOIN allocation_lines l WHERE ? <> '' AND l.order_id = ? AND l.sku = c.sku
      AND l.shipped < l.quantity
      AND (l.held_until IS NULL OR l.held_until > ?)) f
  GROUP BY f.ref)
SELECT p.sku, p.version, NULL, 0 FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END
FROM freed u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: open batches
-- Reads the batches with units that can be promised: OpenBatches. On MariaDB: of one product.
-- Parameters: skus, sku0, sku0, now, now, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT 0, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT u.units, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: open batches of two products
-- Reads the batches with units that can be promised of two products. Up to 50 products repeat the part.
-- Parameters: skus, sku0, sku0, now, sku1, sku1, now, now, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref)
  UNION ALL
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
    (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
    AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT 0, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT u.units, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: open batches of many products
-- Reads the batches with units that can be promised of more than 32 products.
-- Parameters: skus, now, now, now.
WITH chosen (sku) AS (SELECT value FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT 0, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT u.units, b.ref, b.sku, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, b.eta, b.best_before, b.announced_eta, b.arrived_at,
  b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: batches of a lot
-- Reads a page of the batches of a lot: LotBatches.
-- Parameters: lot, after, page, lot, after, page, page, now.
WITH page AS (SELECT * FROM (
  SELECT * FROM (
    SELECT b.ref, b.sku, b.purchased, b.allocated, b.eta, b.location, b.best_before, b.announced_quantity,
      b.announced_eta, b.lot, b.blocked, b.announced_blocked, b.split_from, b.arrived_at, b.expired, b.due,
      b.dated, b.counted_at, b.counted_quantity, b.shipped_at FROM allocation_batches b
    WHERE b.ref = ? AND b.lot = '' AND b.ref > ?
    ORDER BY b.ref LIMIT ?) named
  UNION ALL
  SELECT * FROM (
    SELECT b.ref, b.sku, b.purchased, b.allocated, b.eta, b.location, b.best_before, b.announced_quantity,
      b.announced_eta, b.lot, b.blocked, b.announced_blocked, b.split_from, b.arrived_at, b.expired, b.due,
      b.dated, b.counted_at, b.counted_quantity, b.shipped_at
      FROM allocation_batches b FORCE INDEX (allocation_batches_by_lot)
    WHERE b.lot = ? AND b.lot <> '' AND b.ref > ?
    ORDER BY b.ref LIMIT ?) others) b
  ORDER BY b.ref LIMIT ?),
chosen (sku) AS (SELECT DISTINCT sku FROM page),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT 0, page.ref, page.sku, page.location, page.lot, page.blocked, page.announced_blocked, page.split_from,
  page.purchased, page.allocated, page.announced_quantity, page.expired, page.dated, page.eta,
  page.best_before, page.announced_eta, page.arrived_at, page.due, page.counted_at, page.counted_quantity,
  page.shipped_at FROM page
UNION ALL
SELECT u.units, u.ref, '', '', '', '', '', '', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL FROM unbound u
;

-- name: view: batches of a lot with lines
-- Finds the next batches of a lot that have lines, shipped lines included: LotLines.
-- Parameters: lot, after, page, lot, after, page, page.
SELECT * FROM (
SELECT * FROM (
  SELECT b.ref, b.sku FROM allocation_batches b
  WHERE b.ref = ? AND b.lot = '' AND b.ref > ?
    AND ((SELECT 1 FROM allocation_lines l FORCE INDEX (allocation_lines_leaving) WHERE l.sku = b.sku
      AND l.batch_ref = b.ref AND l.open = 1 LIMIT 1) IS NOT NULL
      OR (SELECT 1 FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
        WHERE l.batch_ref = b.ref AND l.open = 0 LIMIT 1) IS NOT NULL)
  ORDER BY b.ref LIMIT ?) named
UNION ALL
SELECT * FROM (
  SELECT b.ref, b.sku FROM allocation_batches b FORCE INDEX (allocation_batches_by_lot)
  WHERE b.lot = ? AND b.lot <> '' AND b.ref > ?
    AND ((SELECT 1 FROM allocation_lines l FORCE INDEX (allocation_lines_leaving) WHERE l.sku = b.sku
      AND l.batch_ref = b.ref AND l.open = 1 LIMIT 1) IS NOT NULL
      OR (SELECT 1 FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
        WHERE l.batch_ref = b.ref AND l.open = 0 LIMIT 1) IS NOT NULL)
  ORDER BY b.ref LIMIT ?) others) b
ORDER BY b.ref LIMIT ?
;

-- name: view: lines of a batch of a lot
-- Reads the first lines of a batch of a lot: LotLines.
-- Parameters: sku0, batch0, page, sku0, batch0, page, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT ?
;

-- name: view: lines of two batches of a lot
-- Reads the first lines of two batches of a lot: LotLines. Up to 16 batches repeat the part for each.
-- Parameters: sku0, batch0, page, sku0, batch0, page, sku1, batch1, page, sku1, batch1, page, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 0
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT ?
;

-- name: view: further lines of a batch of a lot
-- Reads the lines of a batch of a lot behind the page before: LotLines.
-- Parameters: batch, lot, lot, batch, held, priority, sequence, page, batch, lot, lot, batch, held,
-- priority, sequence, page, batch, lot, lot, batch, held, priority, page, batch, lot, lot, batch, held,
-- priority, page, batch, lot, lot, batch, held, page, batch, lot, lot, batch, held, page, page.
SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence FROM (
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?)) AND l.batch_ref = ? AND l.open = 1 AND l.held = ? AND l.priority = CAST(? AS SIGNED)
      AND l.sequence < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?)) AND l.batch_ref = ? AND l.open = 0 AND l.held = ? AND l.priority = CAST(? AS SIGNED)
      AND l.sequence < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?)) AND l.batch_ref = ? AND l.open = 1 AND l.held = ? AND l.priority > CAST(? AS SIGNED)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?)) AND l.batch_ref = ? AND l.open = 0 AND l.held = ? AND l.priority > CAST(? AS SIGNED)
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?)) AND l.batch_ref = ? AND l.open = 1 AND l.held < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
    FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
    WHERE l.sku = (SELECT sku FROM allocation_batches WHERE ref = ? AND (lot = ? OR lot = ''
      AND ref = ?)) AND l.batch_ref = ? AND l.open = 0 AND l.held < ?
    ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm) page
ORDER BY batch_ref, held DESC, priority, sequence DESC LIMIT ?
;

-- name: view: due
-- Reads a page of each kind of what is due: Due.
-- Parameters: by, a_at, a_at, a_at, a_sku, a_at, a_sku, a_batch, page, by, b_at, b_at, b_at, b_sku, b_at,
-- b_sku, b_batch, page, by, b_at, b_at, b_at, b_sku, b_at, b_sku, b_batch, first, page, by, b_at, b_at,
-- b_at, b_sku, b_at, b_sku, b_batch, page, by, c_at, c_at, c_at, c_sku, c_at, c_sku, c_order, c_at, c_sku,
-- c_order, c_line, page, first, by, d_at, d_at, d_at, d_sku, d_at, d_sku, d_batch, d_at, d_sku, d_batch,
-- d_order, d_at, d_sku, d_batch, d_order, d_line, page, e_at, by, by, e_at, e_at, e_at, e_sku, e_at, e_sku,
-- e_order, e_at, e_sku, e_order, e_line, page.
SELECT * FROM (
  SELECT 0 AS kind, b.eta AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b FORCE INDEX (allocation_batches_arriving)
  WHERE b.eta <= ? AND b.eta >= ? AND (b.eta > ? OR b.eta = ? AND b.sku > ? OR b.eta = ? AND b.sku = ?
    AND b.ref > ?) AND b.purchased > 0
  ORDER BY b.eta, b.sku, b.ref LIMIT ?) arm0
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.due AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b FORCE INDEX (allocation_batches_due)
  WHERE b.due <= ? AND b.due >= ? AND (b.due > ? OR b.due = ? AND b.sku > ? OR b.due = ? AND b.sku = ?
    AND b.ref > ?) AND b.best_before = b.due AND (b.dated = 0 OR b.eta IS NULL)
  ORDER BY b.due, b.sku, b.ref LIMIT ?) arm1
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.best_before AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 0 AS told
  FROM allocation_batches b FORCE INDEX (allocation_batches_arriving)
  WHERE b.best_before <= ? AND b.best_before >= ? AND (b.best_before > ? OR b.best_before = ?
    AND b.sku > ? OR b.best_before = ? AND b.sku = ? AND b.ref > ?) AND b.eta >= ? AND b.dated = 1
    AND b.expired = 0 AND b.purchased > 0
  ORDER BY b.best_before, b.sku, b.ref LIMIT ?) arm2
UNION ALL
SELECT * FROM (
  SELECT 1 AS kind, b.best_before AS moment, b.sku AS sku, b.ref AS ref, '' AS order_id, '' AS line,
    b.purchased AS units, b.allocated AS promised, 1 AS told
  FROM allocation_batches b FORCE INDEX (allocation_batches_expired)
  WHERE b.best_before <= ? AND b.best_before >= ? AND (b.best_before > ? OR b.best_before = ?
    AND b.sku > ? OR b.best_before = ? AND b.sku = ? AND b.ref > ?) AND b.expired = 1 AND b.allocated > 0
  ORDER BY b.best_before, b.sku, b.ref LIMIT ?) arm3
UNION ALL
SELECT * FROM (
  SELECT 2 AS kind, h.held_until AS moment, h.sku AS sku, '' AS ref, h.order_id AS order_id, h.line AS line,
    CASE WHEN h.split = 0 THEN h.quantity - h.shipped ELSE (
      SELECT CAST(SUM(l.quantity - l.shipped) AS SIGNED) FROM allocation_lines l
      WHERE l.order_id = h.order_id AND l.sku = h.sku AND l.line = h.line) END AS units,
    0 AS promised, 0 AS told
  FROM allocation_lines h FORCE INDEX (allocation_lines_lapsing)
  WHERE h.part = 0 AND h.lapses <= ? AND h.lapses >= ? AND (h.lapses > ? OR h.lapses = ?
    AND h.held_sku > ? OR h.lapses = ? AND h.held_sku = ? AND h.order_id > ? OR h.lapses = ?
    AND h.held_sku = ? AND h.order_id = ? AND h.line > ?)
  ORDER BY h.lapses, h.held_sku, h.order_id, h.sku, h.line LIMIT ?) arm4
UNION ALL
SELECT * FROM (
  SELECT 3 AS kind, l.needed_by + 1 AS moment, l.sku AS sku, l.batch_ref AS ref, l.order_id AS order_id,
    l.line AS line, l.quantity - l.shipped AS units, 0 AS promised, l.late AS told
  FROM (SELECT b.sku, b.ref FROM allocation_batches b FORCE INDEX (allocation_batches_arriving)
    WHERE b.eta >= ? AND b.dated = 1) b
      STRAIGHT_JOIN allocation_lines l FORCE INDEX (allocation_lines_leaving) WHERE l.sku = b.sku
      AND l.batch_ref = b.ref AND l.open = 1 AND (l.held_until IS NULL OR l.held_until > l.needed_by + 1)
      AND l.needed_by + 1 <= ? AND l.needed_by + 1 >= ? AND (l.needed_by + 1 > ? OR l.needed_by + 1 = ?
      AND l.sku > ? OR l.needed_by + 1 = ? AND l.sku = ? AND l.batch_ref > ? OR l.needed_by + 1 = ?
      AND l.sku = ? AND l.batch_ref = ? AND l.order_id > ? OR l.needed_by + 1 = ? AND l.sku = ?
      AND l.batch_ref = ? AND l.order_id = ? AND l.line > ?)
  ORDER BY l.needed_by, l.sku, l.batch_ref, l.order_id, l.line LIMIT ?) arm5
UNION ALL
SELECT * FROM (
  SELECT 4 AS kind, w.needed_by + 1 AS moment, w.sku AS sku, '' AS ref, w.order_id AS order_id,
    w.line AS line, w.quantity AS units, 0 AS promised, 0 AS told
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed)
  WHERE w.needed_by >= ? - 1 AND w.needed_by < ?
    AND w.needed_by + 1 <= ? AND w.needed_by + 1 >= ? AND (w.needed_by + 1 > ? OR w.needed_by + 1 = ?
      AND w.sku > ? OR w.needed_by + 1 = ? AND w.sku = ? AND w.order_id > ? OR w.needed_by + 1 = ?
      AND w.sku = ? AND w.order_id = ? AND w.line > ?)
  ORDER BY w.needed_by, w.sku, w.order_id, w.line LIMIT ?) arm6
;

-- name: view: products
-- Reads a page of products with their free units: Products.
-- Parameters: from, until, page, now, now, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p
  WHERE p.sku >= ? AND p.sku < ?
  ORDER BY p.sku LIMIT ?),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: products with low stock
-- Reads a page of products with low stock: Products.
-- Parameters: from, until, page, now, now, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p FORCE INDEX (allocation_products_low)
  WHERE p.sku >= ? AND p.sku < ? AND p.low = 1
  ORDER BY p.sku LIMIT ?),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: products that lines wait for
-- Reads a page of products that lines wait for: Products.
-- Parameters: from, until, page, now, now, now.
WITH chosen (sku) AS (
  SELECT DISTINCT w.sku FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku >= ? AND w.sku < ?
  ORDER BY w.sku LIMIT ?),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: products with low stock that lines wait for
-- Reads a page of products with low stock that lines wait for: Products.
-- Parameters: from, until, page, now, now, now.
WITH chosen (sku) AS (
  SELECT p.sku FROM allocation_products p FORCE INDEX (allocation_products_low)
  WHERE p.sku >= ? AND p.sku < ? AND p.low = 1 AND (SELECT w.sequence
    FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NOT NULL
  ORDER BY p.sku LIMIT ?),
unbound (ref, units) AS (
  SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
    CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
  FROM (SELECT h.* FROM chosen c STRAIGHT_JOIN allocation_lines h FORCE INDEX (allocation_lines_held)
    WHERE h.held_sku BETWEEN c.sku AND c.sku
    AND h.held_until <= ?) h LEFT JOIN allocation_lines l FORCE INDEX (PRIMARY) ON l.order_id = CASE WHEN
    h.split = 1 THEN h.order_id END AND l.sku = h.sku AND l.line = h.line GROUP BY COALESCE(l.batch_ref,
    h.batch_ref))
SELECT p.sku, p.version, NULL, 0, p.low_stock, p.low,
  CASE WHEN (SELECT w.sequence FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
    WHERE w.sku = p.sku ORDER BY w.priority DESC, w.sequence LIMIT 1) IS NULL THEN 0 ELSE 1 END
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT b.sku, 0, b.eta, b.purchased - b.allocated, 0, 0, 0
FROM chosen c STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale)
  WHERE b.sku = c.sku AND b.open = 1 AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
UNION ALL
SELECT b.sku, 0, b.eta, u.units + CASE WHEN b.open = 1 THEN 0 ELSE b.purchased - b.allocated END, 0, 0, 0
FROM unbound u STRAIGHT_JOIN allocation_batches b WHERE b.ref = u.ref AND b.blocked = '' AND b.expired = 0
    AND (b.best_before IS NULL OR b.best_before > ? AND (b.eta IS NULL OR b.best_before > b.eta))
;

-- name: view: orders
-- Reads a page of order ids: Orders.
-- Parameters: from, until, page, from, until, page, page.
SELECT order_id FROM (
  SELECT * FROM (
    SELECT DISTINCT o.order_id FROM allocation_lines o
    WHERE o.order_id >= ? AND o.order_id < ?
    ORDER BY o.order_id LIMIT ?) given
  UNION
  SELECT * FROM (
    SELECT DISTINCT o.order_id FROM allocation_waiting o
    WHERE o.order_id >= ? AND o.order_id < ?
    ORDER BY o.order_id LIMIT ?) queued) o
ORDER BY order_id LIMIT ?
;

-- name: view: products with recent events
-- Finds the next products with events since a time, and the last event before: Entries.
-- Parameters: since, from, until, since, place, number, page.
SELECT p.sku, COALESCE((SELECT e.sequence FROM allocation_events e
    WHERE e.sku = p.sku AND e.at < ? ORDER BY e.sequence DESC LIMIT 1), 0)
FROM allocation_products p
WHERE p.sku >= ? AND p.sku < ? AND (SELECT e.sequence FROM allocation_events e WHERE e.sku = p.sku
  ORDER BY e.sequence DESC LIMIT 1) > COALESCE((SELECT e.sequence FROM allocation_events e
    WHERE e.sku = p.sku AND e.at < ? ORDER BY e.sequence DESC LIMIT 1), 0)
  AND (p.sku <> ? OR (SELECT e.sequence FROM allocation_events e WHERE e.sku = p.sku
    ORDER BY e.sequence DESC LIMIT 1) > ?)
ORDER BY p.sku LIMIT ?
;

-- name: view: events of a product
-- Reads the first events of a product behind a number: Entries.
-- Parameters: sku0, after0, page, page.
SELECT sku, sequence, kind, data FROM (
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = ? AND e.sequence > ?
    ORDER BY e.sequence LIMIT ?) arm) page
ORDER BY sku, sequence LIMIT ?
;

-- name: view: events of two products
-- Reads the first events of two products: Entries. Up to 16 products repeat the part for each.
-- Parameters: sku0, after0, page, sku1, after1, page, page.
SELECT sku, sequence, kind, data FROM (
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = ? AND e.sequence > ?
    ORDER BY e.sequence LIMIT ?) arm
  UNION ALL
  SELECT * FROM (
    SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
    WHERE e.sku = ? AND e.sequence > ?
    ORDER BY e.sequence LIMIT ?) arm) page
ORDER BY sku, sequence LIMIT ?
;

-- name: commit: begin a script
-- Begins a commit without locks. Small writes follow, each with a semicolon, then END; large writes later.
BEGIN NOT ATOMIC START TRANSACTION
;

-- name: commit: demand
-- Stands in a script behind each write that finds rows; the number is an example.
IF ROW_COUNT() < 1 THEN SIGNAL SQLSTATE '45000'; END IF
;

-- name: commit: add products
-- A commit with new products: AddBatch for a new SKU; the values are an example.
INSERT INTO allocation_products (sku, version, refused, low_stock,
  low) VALUES ('chair',1 + 0 * (~0 + (1 - @@in_transaction)),0,0,0)
;

-- name: commit: add batches
-- A commit with new batches: AddBatch; the values are an example.
INSERT INTO allocation_batches (ref, sku, purchased, allocated, eta, location, best_before,
  announced_quantity, announced_eta, lot, blocked, announced_blocked, split_from, arrived_at, expired, due,
  dated, counted_at, counted_quantity,
  shipped_at) VALUES ('batch-1','chair',9 + 0 * (~0 + (1 -
  @@in_transaction)),0,NULL,'',NULL,0,NULL,'','','','',NULL,0,NULL,0,NULL,0,NULL)
;

-- name: commit: add lines
-- A commit with a line that has terms, a hold, several batches or a shipment: Allocate,
-- Ship; the values are an example.
INSERT INTO allocation_lines (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until,
  held, sequence, needed_by, fresh_until, location, priority, late, handed_from, wanted, partial, may_wait,
  hold_for) VALUES ('order-1','chair','',0 + 0 * (~0 + (1 -
  @@in_transaction)),'batch-1',3,0,1,NULL,0,7,NULL,NULL,'',0,0,'',NULL,0,0,NULL),('order-1','chair','',1,'batch-2',2,0,1,NULL,0,7,NULL,NULL,'',0,0,'',NULL,0,0,NULL)
;

-- name: commit: add plain lines
-- A commit with firm lines without terms, each from one batch: Allocate; the values are an example.
INSERT INTO allocation_lines (order_id, sku, part, batch_ref, quantity, shipped, split,
  sequence) VALUES ('order-1','chair',0 + 0 * (~0 + (1 - @@in_transaction)),'batch-1',5,0,0,7)
;

-- name: commit: wait
-- A commit with a line that waits: Allocate; the values are an example.
INSERT INTO allocation_waiting (order_id, sku, line, quantity, wanted, split, partial, hold_for, needed_by,
  fresh_until, location, priority, handed_from,
  sequence) VALUES ('order-1','chair','',5 + 0 * (~0 + (1 - @@in_transaction)),5,0,0,NULL,NULL,NULL,'',0,'',7)
;

-- name: commit: add events
-- Every commit that changes anything; the values are an example.
INSERT INTO allocation_events (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id,
  trace_parent, unsent_from,
  written_for) VALUES ('chair',7 + 0 * (~0 + (1 -
  @@in_transaction)),'LowStockSet',0,NULL,0,0,'{"threshold":3}','an id',NULL,7,6)
;

-- name: load of one product by SKU
-- Reads one product: most verbs.
-- Parameters: skus, orders, orders, sku0, now, more, sku0, sku0, now.
WITH chosen (sku) AS (SELECT DISTINCT value FROM JSON_TABLE(?,
  '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = ? AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?)),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (CASE p.sku WHEN ? THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1) END), NULL, NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of two products by SKU
-- Reads two products. Up to 50 products repeat the part for each.
-- Parameters: skus, orders, orders, sku0, now, more, sku1, now, more, sku0, sku0, now, sku1, sku1, now.
WITH chosen (sku) AS (SELECT DISTINCT value FROM JSON_TABLE(?,
  '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = ? AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?) UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = ? AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?)),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (CASE p.sku WHEN ? THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1) WHEN ? THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1) END), NULL, NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: load of one product by SKU, with what is due
-- Reads a product with the batches that are due: Sweep. Up to 50 products repeat the part for each.
-- Parameters: skus, orders, orders, sku0, now, more, now, sku0, sku0, now, from, from, behind.
WITH chosen (sku) AS (SELECT DISTINCT value FROM JSON_TABLE(?,
  '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) k),
wanted (sku, order_id) AS (
  SELECT l.sku, l.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_lines l WHERE l.order_id = o.value AND l.part = 0 AND l.sku IN (SELECT sku
    FROM chosen)
  UNION
  SELECT w.sku, w.order_id FROM JSON_TABLE(?, '$[*]' COLUMNS (value VARBINARY(255) PATH '$')) o
    STRAIGHT_JOIN allocation_waiting w WHERE w.order_id = o.value AND w.sku IN (SELECT sku FROM chosen)
  UNION
  (SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
    WHERE l.held_sku = ? AND l.held_until <= ?
    ORDER BY l.held_until, l.order_id LIMIT ?)),
shown (ref) AS (
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_for_sale) WHERE b.sku = c.sku
    AND b.open = 1 AND b.blocked = '' AND b.expired = 0
  UNION
  SELECT l.batch_ref FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id
    AND l.sku = w.sku
  UNION
  SELECT b.ref FROM chosen c
    STRAIGHT_JOIN allocation_batches b FORCE INDEX (allocation_batches_due_by_sku)
    WHERE b.sku BETWEEN c.sku AND c.sku AND b.due <= ?)
SELECT 0, p.sku, '', '', '', '', '', '', p.version, p.refused, p.low_stock, p.low, p.serving_priority,
  p.serving_sequence, CASE WHEN EXISTS (SELECT 1
  FROM allocation_waiting w FORCE INDEX (allocation_waiting_served)
  WHERE w.sku = p.sku) THEN 1 ELSE 0 END, 0, 0, (CASE p.sku WHEN ? THEN (
  SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
  WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1) END),
    (SELECT MIN(w.needed_by) FROM allocation_waiting w FORCE INDEX (allocation_waiting_needed_by_sku)
  WHERE w.sku = p.sku AND w.needed_by >= ? - 1 AND (w.needed_by > ? - 1 OR w.sku > ?)), NULL, NULL, NULL,
    NULL, NULL, NULL
FROM chosen c STRAIGHT_JOIN allocation_products p WHERE p.sku = c.sku
UNION ALL
SELECT 1, b.sku, b.ref, b.location, b.lot, b.blocked, b.announced_blocked, b.split_from, b.purchased,
  b.allocated, b.announced_quantity, b.expired, b.dated, 0, 0, 0, 0, b.eta, b.best_before, b.announced_eta,
  b.arrived_at, b.due, b.counted_at, b.counted_quantity, b.shipped_at
FROM shown s STRAIGHT_JOIN allocation_batches b WHERE b.ref = s.ref
UNION ALL
SELECT 2, l.sku, l.order_id, l.line, l.batch_ref, l.location, l.handed_from, '', l.part, l.quantity,
  l.shipped, l.split, l.sequence, l.priority, l.late, l.partial, l.may_wait, l.held_until, l.needed_by,
  l.fresh_until, l.wanted, l.hold_for, NULL, NULL, NULL
FROM wanted w STRAIGHT_JOIN allocation_lines l WHERE l.order_id = w.order_id AND l.sku = w.sku
UNION ALL
SELECT 3, q.sku, q.order_id, q.line, q.location, q.handed_from, '', '', q.quantity, q.wanted, q.split,
  q.partial, q.priority, q.sequence, 0, 0, 0, q.hold_for, q.needed_by, q.fresh_until, NULL, NULL, NULL, NULL,
  NULL
FROM wanted w STRAIGHT_JOIN allocation_waiting q WHERE q.order_id = w.order_id AND q.sku = w.sku
;

-- name: repeated: lapsed holds of a product
-- The part that is repeated for each product, with UNION between.
-- Parameters: sku0, now, more.
(SELECT l.sku, l.order_id FROM allocation_lines l FORCE INDEX (allocation_lines_held)
WHERE l.held_sku = ? AND l.held_until <= ?
ORDER BY l.held_until, l.order_id LIMIT ?)
;

-- name: repeated: first expiry of a product
-- The branch that is repeated for each product in a load.
-- Parameters: sku0, sku0, now.
 WHEN ? THEN (
SELECT l.held_until FROM allocation_lines l FORCE INDEX (allocation_lines_held)
WHERE l.held_sku = ? AND l.held_until > ? ORDER BY l.held_until LIMIT 1)
;

-- name: repeated: units of lapsed holds of a product
-- The part that is repeated for each product in Stock, with UNION ALL between.
-- Parameters: sku0, sku0, now.
SELECT COALESCE(l.batch_ref, h.batch_ref) AS ref,
  CAST(SUM(COALESCE(l.quantity - l.shipped, h.quantity - h.shipped)) AS SIGNED) AS units
FROM allocation_lines h FORCE INDEX (allocation_lines_held) LEFT JOIN allocation_lines l FORCE INDEX
  (PRIMARY) ON l.order_id = CASE WHEN h.split = 1 THEN h.order_id END AND l.sku = h.sku
  AND l.line = h.line WHERE h.held_sku BETWEEN ? AND ? AND h.held_until <= ? GROUP BY COALESCE(l.batch_ref,
  h.batch_ref)
;

-- name: savepoint
-- Begins a commit inside a transaction of the host.
SAVEPOINT allocation_commit
;

-- name: back to the savepoint
-- Undoes a commit inside a transaction of the host.
ROLLBACK TO SAVEPOINT allocation_commit
;

-- name: guests: savepoint
-- Begins a commit with guests inside a transaction.
SAVEPOINT allocation_guests
;

-- name: guests: back to the savepoint
-- Undoes a commit inside a transaction after guests failed.
ROLLBACK TO SAVEPOINT allocation_guests
;

-- name: guest: savepoint
-- Begins a guest after guests failed, to find out which.
SAVEPOINT allocation_guest
;

-- name: guest: back to the savepoint
-- Undoes a guest that failed.
ROLLBACK TO SAVEPOINT allocation_guest
;

-- name: repeated: lines of a batch of a lot
-- The part that is repeated for each batch in LotLines, with UNION ALL between.
-- Parameters: sku0, batch0, page, sku0, batch0, page.
SELECT * FROM (
  SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
  FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
  WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 1
  ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
UNION ALL
SELECT * FROM (
  SELECT sku, batch_ref, order_id, line, quantity, shipped, held_until, priority, sequence, held
  FROM allocation_lines l FORCE INDEX (allocation_lines_leaving)
  WHERE l.sku = ? AND l.batch_ref = ? AND l.open = 0
  ORDER BY l.held DESC, l.priority, l.sequence DESC LIMIT ?) arm
;

-- name: repeated: events of a product
-- The part that is repeated for each product in Entries, with UNION ALL between.
-- Parameters: sku0, after0, page.
SELECT * FROM (
SELECT e.sku, e.sequence, e.kind, e.data FROM allocation_events e
WHERE e.sku = ? AND e.sequence > ?
ORDER BY e.sequence LIMIT ?) arm
;

-- name: migration: lock 1
-- Keeps other processes from migrating at the same time: Migrate.
SELECT GET_LOCK('allocation_migrate', 86400)
;

-- name: migration: unlock
-- Ends a migration: Migrate.
DO RELEASE_LOCK('allocation_migrate')
;

-- name: schema: is there a version
-- Looks for the table of versions: Migrate, CheckSchema, and any method that misses a table.
-- Parameters: schema, table.
SELECT COUNT(*) FROM information_schema.tables
WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ?
;

-- name: schema: version
-- Reads the version of the tables: Migrate, CheckSchema, and any method that misses a table.
SELECT COALESCE(MAX(version), 0) FROM allocation_schema_version
;

-- name: schema: database
-- Names the database in an error about missing tables.
SELECT COALESCE(DATABASE(), '')
;

-- name: setting: tx_isolation
-- Reads a setting of the connection: CheckSchema.
SELECT IF(@@tx_isolation = 'READ-UNCOMMITTED', @@tx_isolation, 'READ-COMMITTED or above')
;

-- name: setting: character_set_client
-- Reads a setting of the connection: CheckSchema.
SELECT IF(@@character_set_client = @@character_set_results AND @@character_set_client REGEXP '^utf8',
'utf8mb4',
CONCAT(@@character_set_client, ', ', COALESCE(@@character_set_results, 'NULL')))
;
