package allocation

// With returns a Service whose commands take guests along: writes of the host's own, such as the row of the order,
// that are carried out in the transaction of the command's commit. Either the command and all of its guests are
// committed, or nothing of them. Groups and cache are shared with s. A nil guest stands for none; With() returns a
// Service without guests.
//
//	_, err := service.With(sqlstore.Row{
//		Insert: "INSERT INTO orders (id, customer)", Values: []any{"o1", "c1"},
//	}).Allocate(ctx, lines...)
//
// The guests go along with each command of the returned Service, so a guest usually serves a single command. With
// [Service.AllocateEach] the i-th guest belongs to the i-th order, and the lengths of both lists have to be equal: each
// order has one guest, or none with nil. An order that needs several guests takes a call of [Service.Allocate].
// [Service.Sweep], [Service.Mend], [Service.PlanMend] and [Service.Reconcile] take no guests ([ErrInvalid]). Neither do
// [Service.Transact] and [Service.Inside]: in a transaction of the host, the guests go along with commands of the
// Service inside. Guests need the library's own unit of work, with or without a wrapper, over a [GuestStore]; otherwise
// the error is [errors.ErrUnsupported]. A guest that the store doesn't know is an ErrInvalid. Both errors come before
// anything is read or written.
//
// Guests of a group are carried out one after the other, in the order of the commands and behind all writes of the
// library, so that a foreign key of a guest may point to a line. If a guest fails, the caller gets an [*Error] that
// wraps the guest's error, with Error.Field "guest" and the guest's place as Error.Value; nothing of that caller's
// command is written, and the other commands of the group are committed without the command. If that commit fails, too,
// by an [ErrConflict] for example, the caller may get the error of the commit instead.
//
// Before using guests, a host should know:
//
//   - A command that changes nothing carries out no guest: a repeat, a refusal, a failure. A repeat after an
//     [ErrUnknownOutcome] is therefore safe: if the first call went through, its guests went through as well. But a
//     line that was first placed without the guest doesn't get the guest by a repeat.
//   - A guest may run several times before the commit: after a lost race, after a failure of another guest of the
//     group, or to find out which guest failed. A rollback undoes the earlier runs, so a guest must not leave traces
//     outside of the transaction.
//   - The values of a guest must not change before the command has returned, nor after an ErrUnknownOutcome or a
//     context that ended, since the commit may still be under way.
//   - Insert rows of your own. A row that guests of several products update, such as a counter, stays right, but makes
//     groups wait for each other, and each deadlock costs the server's time to detect the deadlock. A guest that waits
//     for a lock makes all commands of the group wait.
//   - Guests make a commit longer, so callers with deadlines of a few milliseconds hear ErrUnknownOutcome more often.
//   - [UnitOfWorkOptions].Committed hears of the command's events, and not of guests.
func (s *Service) With(given ...Guest) *Service {
	other := *s
	other.guests = nil
	if len(given) > 0 {
		other.guests = &guests{list: given}
	}
	return &other
}

// refuseGuests returns an error if a command that takes no guests is called on a Service with guests.
func (s *Service) refuseGuests(op string) error {
	if s.guests == nil {
		return nil
	}
	return invalid(op, "guests", len(s.guests.list), "must not be given, since the call isn't one command")
}

// guestsOf returns the guests of each of so many orders; nil without guests.
func (s *Service) guestsOf(op string, orders int) ([]guests, error) {
	if s.guests == nil {
		return nil, nil
	}
	list := s.guests.list
	if len(list) != orders {
		return nil, invalid(op, "guests", len(list), "must be as many as the orders")
	}
	each := make([]guests, orders)
	for i := range each {
		each[i] = guests{list: list[i : i+1 : i+1], first: i}
	}
	return each, nil
}
