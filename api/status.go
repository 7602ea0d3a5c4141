package api

// Final reports whether an order with this status never changes again.
func (s Status) Final() bool { return s == StatusDelivered || s == StatusCancelled }
