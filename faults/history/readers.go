package history

// readers checks that each reader got each version of each order that it may see once, in order, with the cursor of the event log.
func (c *check) readers() {
	type version struct {
		id string
		v  int
	}
	cursors := make(map[version]string, len(c.stores.Feed))
	for _, e := range c.stores.Feed {
		cursors[version{e.Order.ID, e.Order.Version}] = e.Cursor
	}
	for _, r := range c.history.Readings {
		at := make(map[string]int) // the last version of each order
		failed := make(map[string]bool)
		for _, e := range r.Events {
			id, v := e.Order.ID, e.Order.Version
			c.checked[FeedComplete]++
			if failed[id] {
				continue
			}
			cursor, logged := cursors[version{id, v}]
			switch {
			case r.Customer != "" && e.Order.Customer != r.Customer:
				c.fail(FeedComplete, id, "%s of %s got an order of %s", r.Reader, r.Customer, e.Order.Customer)
			case v <= at[id]:
				c.fail(FeedComplete, id, "%s got version %d after version %d", r.Reader, v, at[id])
			case v > at[id]+1:
				c.fail(FeedComplete, id, "%s got version %d and missed version %d", r.Reader, v, at[id]+1)
			case !logged || cursor != e.Cursor:
				c.fail(FeedComplete, id, "%s got version %d at cursor %q, the event log has it at %q", r.Reader, v, e.Cursor, cursor)
			default:
				at[id] = v
				continue
			}
			failed[id] = true
		}
		if !r.Complete {
			continue
		}
		for _, id := range c.ids() {
			o, ok := c.stores.Orders[id]
			if ok && !failed[id] && (r.Customer == "" || o.Customer == r.Customer) && at[id] < o.Version {
				c.fail(FeedComplete, id, "%s ended at version %d and missed version %d", r.Reader, at[id], at[id]+1)
			}
		}
	}
}
