package allocation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// DecodeEvent is the inverse of [Event.Kind] and the event's JSON, for stores that store events as
// text. DecodeEvent ignores unknown fields, which a later version may have added. An unknown kind is
// an [*Error] that wraps [ErrInvalid].
func DecodeEvent(kind string, data []byte) (Event, error) {
	decode, known := decoders[kind]
	if !known {
		return nil, invalid("DecodeEvent", "kind", kind, "unknown kind of event")
	}
	event, err := decode(data)
	if err == nil && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		err = errors.New("an event must be a JSON object")
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrInvalid, err)
		return nil, &Error{Op: "DecodeEvent", Field: "data", Value: string(data), Err: err}
	}
	return event, nil
}

// decoders has the decoder of every kind of event.
var decoders = map[string]func([]byte) (Event, error){
	"BatchAdded":           decode[BatchAdded],
	"BatchETAChanged":      decode[BatchETAChanged],
	"BatchReceived":        decode[BatchReceived],
	"BatchQuantityChanged": decode[BatchQuantityChanged],
	"BatchCorrected":       decode[BatchCorrected],
	"BatchSplit":           decode[BatchSplit],
	"BatchBlocked":         decode[BatchBlocked],
	"BatchUnblocked":       decode[BatchUnblocked],
	"BatchExpired":         decode[BatchExpired],
	"LineAllocated":        decode[LineAllocated],
	"LineDeallocated":      decode[LineDeallocated],
	"LineReleased":         decode[LineReleased],
	"LineHandedOver":       decode[LineHandedOver],
	"LineShipped":          decode[LineShipped],
	"LineRefused":          decode[LineRefused],
	"LineLate":             decode[LineLate],
	"LineWaiting":          decode[LineWaiting],
	"HoldConfirmed":        decode[HoldConfirmed],
	"HoldExtended":         decode[HoldExtended],
	"HoldLapsed":           decode[HoldLapsed],
	"LowStockSet":          decode[LowStockSet],
	"LowStockCrossed":      decode[LowStockCrossed],
}

// decode reads an event of a known type.
func decode[E Event](data []byte) (Event, error) {
	var event E
	err := json.Unmarshal(data, &event)
	return event, err
}
