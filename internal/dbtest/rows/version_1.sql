-- A used database of schema version 1, as it was written then. Never changed: hosts have such rows. It has firm,
-- split, held, shipped, part-shipped and cancelled lines, a refusal and a lapsed hold.

INSERT INTO allocation_products
    (sku, version, refused, low_stock) VALUES
    ('chair', 17, 9, 5),
    ('Ж lamp', 4, 0, 0);

INSERT INTO allocation_batches
    (ref, sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, counted_at, shipped_at) VALUES
    ('b-1', 'chair', 7, 7, NULL, 'north', NULL, 10, NULL, 1893489060000000, 1893488940000000),
    ('b-2', 'chair', 6, 1, 1894093200000000, '', 1925024400000000, 6, 1894093200000000, NULL, NULL),
    ('b-3', 'Ж lamp', 3, 2, NULL, '', NULL, 4, NULL, NULL, 1893489000000000);

INSERT INTO allocation_lines
    (order_id, sku, part, batch_ref, quantity, shipped, split, held_until, sequence) VALUES
    ('o-1', 'chair', 0, 'b-1', 4, 3, 0, NULL, 4),
    ('o-1', 'Ж lamp', 0, 'b-3', 1, 1, 0, NULL, 2),
    ('o-2', 'chair', 0, 'b-1', 6, 0, 1, NULL, 16),
    ('o-2', 'chair', 1, 'b-2', 1, 0, 1, NULL, 16),
    ('o-4', 'Ж lamp', 0, 'b-3', 2, 0, 0, 1893661200000000, 3);

INSERT INTO allocation_events
    (sku, sequence, kind, at, batch_ref, purchased, allocated, data) VALUES
    ('chair', 1, 'BatchAdded', 1893488400000000, 'b-1', 10, 0, '{"sku":"chair","at":"2030-01-01T09:00:00Z","batch":"b-1","quantity":10,"location":"north"}'),
    ('chair', 2, 'BatchAdded', 1893488460000000, 'b-2', 6, 0, '{"sku":"chair","at":"2030-01-01T09:01:00Z","batch":"b-2","quantity":6,"eta":"2030-01-08T09:00:00Z","best_before":"2031-01-01T09:00:00Z"}'),
    ('chair', 3, 'LowStockSet', 1893488580000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:03:00Z","from":0,"to":5}'),
    ('chair', 4, 'LineAllocated', 1893488640000000, 'b-1', 0, 4, '{"sku":"chair","at":"2030-01-01T09:04:00Z","order_id":"o-1","batch":"b-1","quantity":4}'),
    ('chair', 5, 'LineAllocated', 1893488700000000, 'b-1', 0, 6, '{"sku":"chair","at":"2030-01-01T09:05:00Z","order_id":"o-2","batch":"b-1","quantity":6}'),
    ('chair', 6, 'LineAllocated', 1893488700000000, 'b-2', 0, 2, '{"sku":"chair","at":"2030-01-01T09:05:00Z","order_id":"o-2","batch":"b-2","quantity":2}'),
    ('chair', 7, 'LowStockCrossed', 1893488700000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:05:00Z","available":4,"threshold":5,"low":true}'),
    ('chair', 8, 'LineAllocated', 1893488760000000, 'b-2', 0, 1, '{"sku":"chair","at":"2030-01-01T09:06:00Z","order_id":"o-3","batch":"b-2","quantity":1,"held_until":"2030-01-01T09:10:00Z"}'),
    ('chair', 9, 'LineRefused', 1893488880000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:08:00Z","order_id":"o-5","quantity":100,"available":3}'),
    ('chair', 10, 'LineShipped', 1893488940000000, 'b-1', -3, -3, '{"sku":"chair","at":"2030-01-01T09:09:00Z","order_id":"o-1","batch":"b-1","quantity":3}'),
    ('chair', 11, 'BatchQuantityChanged', 1893489060000000, 'b-1', 0, 0, '{"sku":"chair","at":"2030-01-01T09:11:00Z","batch":"b-1","from":7,"to":7}'),
    ('chair', 12, 'LineDeallocated', 1893489120000000, 'b-2', 0, -2, '{"sku":"chair","at":"2030-01-01T09:12:00Z","order_id":"o-2","batch":"b-2","quantity":2}'),
    ('chair', 13, 'LineDeallocated', 1893489120000000, 'b-1', 0, -6, '{"sku":"chair","at":"2030-01-01T09:12:00Z","order_id":"o-2","batch":"b-1","quantity":6}'),
    ('chair', 14, 'LowStockCrossed', 1893489120000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:12:00Z","available":11,"threshold":5,"low":false}'),
    ('chair', 15, 'HoldLapsed', 1893489180000000, 'b-2', 0, -1, '{"sku":"chair","at":"2030-01-01T09:13:00Z","order_id":"o-3","batch":"b-2","quantity":1,"held_until":"2030-01-01T09:10:00Z"}'),
    ('chair', 16, 'LineAllocated', 1893489180000000, 'b-1', 0, 6, '{"sku":"chair","at":"2030-01-01T09:13:00Z","order_id":"o-2","batch":"b-1","quantity":6}'),
    ('chair', 17, 'LineAllocated', 1893489180000000, 'b-2', 0, 1, '{"sku":"chair","at":"2030-01-01T09:13:00Z","order_id":"o-2","batch":"b-2","quantity":1}'),
    ('Ж lamp', 1, 'BatchAdded', 1893488520000000, 'b-3', 4, 0, '{"sku":"Ж lamp","at":"2030-01-01T09:02:00Z","batch":"b-3","quantity":4}'),
    ('Ж lamp', 2, 'LineAllocated', 1893488640000000, 'b-3', 0, 1, '{"sku":"Ж lamp","at":"2030-01-01T09:04:00Z","order_id":"o-1","batch":"b-3","quantity":1}'),
    ('Ж lamp', 3, 'LineAllocated', 1893488820000000, 'b-3', 0, 2, '{"sku":"Ж lamp","at":"2030-01-01T09:07:00Z","order_id":"o-4","batch":"b-3","quantity":2,"held_until":"2030-01-03T09:00:00Z"}'),
    ('Ж lamp', 4, 'LineShipped', 1893489000000000, 'b-3', -1, -1, '{"sku":"Ж lamp","at":"2030-01-01T09:10:00Z","order_id":"o-1","batch":"b-3","quantity":1}');
