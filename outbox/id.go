package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/cosmic-go/allocation"
)

// ID returns the identifier of an event: a UUID of version 7 (RFC 9562). The time of the UUID is the time of the event
// in microseconds (section 6.2, method 3), and a hash of SKU and sequence takes the place of the random bits. No store
// has to keep the ID, because every relay computes the same ID at every try. An ID is unique together with the source,
// as CloudEvents requires.
func ID(sku allocation.SKU, sequence int64, at time.Time) string {
	micros := at.UnixMicro()
	millis, rest := micros/1000, micros%1000
	if rest < 0 { // before 1970
		millis, rest = millis-1, rest+1000
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(millis)<<16) //nolint:gosec // the format has 48 bits for the time
	fraction := uint16(rest * 4096 / 1000)                //nolint:gosec // less than 4096
	binary.BigEndian.PutUint16(id[6:], 0x7000|fraction)

	name := binary.BigEndian.AppendUint64(make([]byte, 0, 64), uint64(sequence)) //nolint:gosec // only the bits matter
	digest := sha256.Sum256(append(name, sku...))
	copy(id[8:], digest[:8])
	id[8] = 0x80 | id[8]&0x3f

	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
