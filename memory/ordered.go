package memory

import (
	"iter"
	"slices"
	"sort"
)

// entry is a value with an order of its own.
type entry[T any] interface{ compare(other T) int }

// ordered is a sorted list, in blocks, so that a change in the middle of a million entries moves only a few entries.
// The zero value is an empty list.
type ordered[T entry[T]] struct {
	blocks [][]T // none is empty
}

// maxBlock is the most entries of a block; a block that has more is cut in two.
const maxBlock = 512

// insert adds an entry. The list must not have an equal entry.
func (o *ordered[T]) insert(e T) {
	if len(o.blocks) == 0 {
		o.blocks = [][]T{{e}}
		return
	}
	at := max(0, o.blockOf(e))
	block := o.blocks[at]
	place, _ := slices.BinarySearchFunc(block, e, T.compare)
	block = slices.Insert(block, place, e)
	o.blocks[at] = block
	if len(block) > maxBlock {
		half := len(block) / 2
		if at == len(o.blocks)-1 {
			half = maxBlock // most entries are added at the end, so full blocks stay full
		}
		rest := slices.Clone(block[half:])
		clear(block[half:])
		o.blocks[at] = block[:half]
		o.blocks = slices.Insert(o.blocks, at+1, rest)
	}
}

// remove takes an entry out, if the list has it.
func (o *ordered[T]) remove(e T) {
	at := o.blockOf(e)
	if at < 0 {
		return
	}
	place, found := slices.BinarySearchFunc(o.blocks[at], e, T.compare)
	if !found {
		return
	}
	if o.blocks[at] = slices.Delete(o.blocks[at], place, place+1); len(o.blocks[at]) == 0 {
		o.blocks = slices.Delete(o.blocks, at, at+1)
	}
}

// blockOf returns the block in which an entry stands or would stand, -1 if the entry comes before all others.
func (o *ordered[T]) blockOf(e T) int {
	return sort.Search(len(o.blocks), func(i int) bool { return o.blocks[i][0].compare(e) > 0 }) - 1
}

// first returns the first entry, false if the list is empty.
func (o *ordered[T]) first() (e T, found bool) {
	for e := range o.all() {
		return e, true
	}
	return e, false
}

// all iterates over all entries in their order.
func (o *ordered[T]) all() iter.Seq[T] { return o.from(func(T) bool { return true }) }

// from iterates over the entries, beginning with the first entry that passes. All later entries have to pass, too.
func (o *ordered[T]) from(passes func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		at := sort.Search(len(o.blocks), func(i int) bool { return passes(o.blocks[i][len(o.blocks[i])-1]) })
		for i := at; i < len(o.blocks); i++ {
			block := o.blocks[i]
			if i == at {
				block = block[sort.Search(len(block), func(i int) bool { return passes(block[i]) }):]
			}
			for _, e := range block {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// cursor returns a function that returns the entries one by one, beginning with the first entry that passes. All later
// entries have to pass, too. A change of the list ends the use of the function.
func (o *ordered[T]) cursor(passes func(T) bool) func() (e T, found bool) {
	block := sort.Search(len(o.blocks), func(i int) bool { return passes(o.blocks[i][len(o.blocks[i])-1]) })
	at := 0
	if block < len(o.blocks) {
		at = sort.Search(len(o.blocks[block]), func(i int) bool { return passes(o.blocks[block][i]) })
	}
	return func() (e T, found bool) {
		if block == len(o.blocks) {
			return e, false
		}
		e = o.blocks[block][at]
		if at++; at == len(o.blocks[block]) {
			block, at = block+1, 0
		}
		return e, true
	}
}

// backward iterates over all entries, the last first.
func (o *ordered[T]) backward() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, block := range slices.Backward(o.blocks) {
			for _, e := range slices.Backward(block) {
				if !yield(e) {
					return
				}
			}
		}
	}
}
