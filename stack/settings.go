package stack

// Set changes a part's settings, its environment. The part sees them when it is started next.
func (s *Stack) Set(name string, settings map[string]string) error {
	p, err := s.part(name)
	if err != nil {
		return err
	}
	p.control.Lock()
	defer p.control.Unlock()
	for setting, value := range settings {
		p.env = append(p.env, setting+"="+value) // the last one counts
	}
	return nil
}
