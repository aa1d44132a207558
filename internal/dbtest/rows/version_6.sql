-- A used database of schema version 6, as it was written then. Never changed: hosts have such rows. The rows are those of
-- version 3, written by programs of version 6; that version demands written of each new product on
-- SQLite.

INSERT INTO allocation_products
    (sku, version, refused, low_stock, low /*SQLite: , written*/) VALUES
    ('chair', 17, 9, 5, 0 /*SQLite: , 17*/),
    ('pear', 12, 0, 8, 1 /*SQLite: , 12*/),
    ('Ж lamp', 4, 0, 0, 0 /*SQLite: , 4*/);

INSERT INTO allocation_batches
    (ref, sku, purchased, allocated, eta, location, best_before, announced_quantity, announced_eta, counted_at, shipped_at, lot, blocked, announced_blocked, split_from, expired, arrived_at, counted_quantity, due, dated) VALUES
    ('b-1', 'chair', 7, 7, NULL, 'north', NULL, 10, NULL, 1893489060000000, 1893488940000000, '', '', '', '', 0, NULL, NULL, NULL, 0),
    ('b-2', 'chair', 6, 1, 1894093200000000, '', 1925024400000000, 6, 1894093200000000, NULL, NULL, '', '', '', '', 0, NULL, 0, 1925024400000000, 0),
    ('b-3', 'Ж lamp', 3, 2, NULL, '', NULL, 4, NULL, NULL, 1893489000000000, '', '', '', '', 0, NULL, NULL, NULL, 0),
    ('p-1', 'pear', 9, 5, NULL, 'Ж cellar', 1925024400000000, 12, NULL, 1893489060000000, 1893488940000000, 'lot-7', '', '', '', 0, 1893488400000000, 9, 1925024400000000, 0),
    ('p-2', 'pear', 3, 0, NULL, 'Ж cellar', 1925024400000000, 3, NULL, NULL, 1893488940000000, 'lot-7', 'bruised', 'bruised', 'p-1', 0, 1893488400000000, 0, 1925024400000000, 0),
    ('p-3', 'pear', 4, 1, NULL, '', 1893488460000000, 4, NULL, NULL, NULL, '', '', '', '', 1, 1893488400000000, 0, NULL, 0);

INSERT INTO allocation_lines
    (order_id, sku, line, part, batch_ref, quantity, shipped, split, held_until, held, sequence, needed_by, fresh_until, location, priority, late, handed_from) VALUES
    ('o-1', 'chair', '', 0, 'b-1', 4, 3, 0, NULL, 0, 4, NULL, NULL, '', 0, 0, ''),
    ('o-1', 'Ж lamp', '', 0, 'b-3', 1, 1, 0, NULL, 0, 2, NULL, NULL, '', 0, 0, ''),
    ('o-2', 'chair', '', 0, 'b-1', 6, 0, 1, NULL, 0, 16, NULL, NULL, '', 0, 0, ''),
    ('o-2', 'chair', '', 1, 'b-2', 1, 0, 1, NULL, 0, 16, NULL, NULL, '', 0, 0, ''),
    ('o-4', 'Ж lamp', '', 0, 'b-3', 2, 0, 0, 1893661200000000, 1, 3, NULL, NULL, '', 0, 0, ''),
    ('o-6', 'pear', '', 0, 'p-3', 1, 0, 0, NULL, 0, 6, NULL, NULL, '', 0, 0, ''),
    ('o-6', 'pear', 'bundle Ж', 0, 'p-1', 5, 0, 1, 1893920400000000, 1, 8, 1893574800000000, 1893661200000000, 'Ж cellar', -3, 1, 'cart-9');

INSERT INTO allocation_events
    (sku, sequence, kind, at, batch_ref, purchased, allocated, data, id, trace_parent, unsent_from, written_for) VALUES
    ('chair', 1, 'BatchAdded', 1893488400000000, 'b-1', 10, 0, '{"sku":"chair","at":"2030-01-01T09:00:00Z","batch":"b-1","quantity":10,"location":"north"}', NULL, NULL, NULL, 6),
    ('chair', 2, 'BatchAdded', 1893488460000000, 'b-2', 6, 0, '{"sku":"chair","at":"2030-01-01T09:01:00Z","batch":"b-2","quantity":6,"eta":"2030-01-08T09:00:00Z","best_before":"2031-01-01T09:00:00Z"}', NULL, NULL, NULL, 6),
    ('chair', 3, 'LowStockSet', 1893488580000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:03:00Z","from":0,"to":5}', NULL, NULL, NULL, 6),
    ('chair', 4, 'LineAllocated', 1893488640000000, 'b-1', 0, 4, '{"sku":"chair","at":"2030-01-01T09:04:00Z","order_id":"o-1","batch":"b-1","quantity":4}', NULL, NULL, NULL, 6),
    ('chair', 5, 'LineAllocated', 1893488700000000, 'b-1', 0, 6, '{"sku":"chair","at":"2030-01-01T09:05:00Z","order_id":"o-2","batch":"b-1","quantity":6}', '01b8dcb8-aa60-7000-8f66-140a9693f2d6', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', NULL, 6),
    ('chair', 6, 'LineAllocated', 1893488700000000, 'b-2', 0, 2, '{"sku":"chair","at":"2030-01-01T09:05:00Z","order_id":"o-2","batch":"b-2","quantity":2}', '01b8dcb8-aa60-7000-a1bf-a3d3d9648240', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', NULL, 6),
    ('chair', 7, 'LowStockCrossed', 1893488700000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:05:00Z","available":4,"threshold":5,"low":true}', '01b8dcb8-aa60-7000-b5bc-7f54cd3ad7df', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', NULL, 6),
    ('chair', 8, 'LineAllocated', 1893488760000000, 'b-2', 0, 1, '{"sku":"chair","at":"2030-01-01T09:06:00Z","order_id":"o-3","batch":"b-2","quantity":1,"held_until":"2030-01-01T09:10:00Z"}', '01b8dcb9-94c0-7000-b24c-a312f3cb4136', NULL, NULL, 6),
    ('chair', 9, 'LineRefused', 1893488880000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:08:00Z","order_id":"o-5","quantity":100,"available":3}', '01b8dcbb-6980-7000-af71-a3a20fae1dd4', NULL, NULL, 6),
    ('chair', 10, 'LineShipped', 1893488940000000, 'b-1', -3, -3, '{"sku":"chair","at":"2030-01-01T09:09:00Z","order_id":"o-1","batch":"b-1","quantity":3}', '01b8dcbc-53e0-7000-a5a6-152b8efe22c4', NULL, NULL, 6),
    ('chair', 11, 'BatchQuantityChanged', 1893489060000000, 'b-1', 0, 0, '{"sku":"chair","at":"2030-01-01T09:11:00Z","batch":"b-1","from":7,"to":7}', '01b8dcbe-28a0-7000-a8ba-be9d1308bfb3', NULL, NULL, 6),
    ('chair', 12, 'LineDeallocated', 1893489120000000, 'b-2', 0, -2, '{"sku":"chair","at":"2030-01-01T09:12:00Z","order_id":"o-2","batch":"b-2","quantity":2}', '01b8dcbf-1300-7000-8950-c6cd36638130', NULL, NULL, 6),
    ('chair', 13, 'LineDeallocated', 1893489120000000, 'b-1', 0, -6, '{"sku":"chair","at":"2030-01-01T09:12:00Z","order_id":"o-2","batch":"b-1","quantity":6}', '01b8dcbf-1300-7000-8a60-883ef8003f5b', NULL, NULL, 6),
    ('chair', 14, 'LowStockCrossed', 1893489120000000, NULL, 0, 0, '{"sku":"chair","at":"2030-01-01T09:12:00Z","available":11,"threshold":5,"low":false}', '01b8dcbf-1300-7000-b6dd-1e6ee97199ba', NULL, 13, 6),
    ('chair', 15, 'HoldLapsed', 1893489180000000, 'b-2', 0, -1, '{"sku":"chair","at":"2030-01-01T09:13:00Z","order_id":"o-3","batch":"b-2","quantity":1,"held_until":"2030-01-01T09:10:00Z"}', '01b8dcbf-fd60-7000-b3a9-4e1cd3f6bddf', NULL, NULL, 6),
    ('chair', 16, 'LineAllocated', 1893489180000000, 'b-1', 0, 6, '{"sku":"chair","at":"2030-01-01T09:13:00Z","order_id":"o-2","batch":"b-1","quantity":6}', '01b8dcbf-fd60-7000-905b-a5084bde630a', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', NULL, 6),
    ('chair', 17, 'LineAllocated', 1893489180000000, 'b-2', 0, 1, '{"sku":"chair","at":"2030-01-01T09:13:00Z","order_id":"o-2","batch":"b-2","quantity":1}', '01b8dcbf-fd60-7000-aed1-10f9aa9ed3d0', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 15, 6),
    ('Ж lamp', 2, 'LineAllocated', 1893488640000000, 'b-3', 0, 1, '{"sku":"Ж lamp","at":"2030-01-01T09:04:00Z","order_id":"o-1","batch":"b-3","quantity":1}', '01b8dcb7-c000-7000-982d-4d4a3ba90c65', NULL, NULL, 6),
    ('Ж lamp', 3, 'LineAllocated', 1893488820000000, 'b-3', 0, 2, '{"sku":"Ж lamp","at":"2030-01-01T09:07:00Z","order_id":"o-4","batch":"b-3","quantity":2,"held_until":"2030-01-03T09:00:00Z"}', '01b8dcba-7f20-7000-8cd7-2351527a0e29', NULL, NULL, 6),
    ('Ж lamp', 4, 'LineShipped', 1893489000000000, 'b-3', -1, -1, '{"sku":"Ж lamp","at":"2030-01-01T09:10:00Z","order_id":"o-1","batch":"b-3","quantity":1}', '01b8dcbd-3e40-7000-8925-7220d66f40c7', NULL, 4, 6);

INSERT INTO allocation_deliveries
    (sku, owner, claim, not_before, sequence, tries, retry_at, dead, error) VALUES
    ('chair', 'relay-1', NULL, 1893489300000000, 13, 3, 1893489300000000, 0, 'no route to the broker'),
    ('Ж lamp', 'relay-2', 4702394921427284854, 1893489360000000, 4, 0, 0, 0, '');

INSERT INTO allocation_purged
    (sku, batch_ref, purchased, allocated) VALUES
    ('Ж lamp', 'b-3', 4, 0);
