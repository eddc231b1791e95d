package feed

// Size is how many entries are kept.
func (f *Feed) Size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view.Load().size()
}

// Len is how many entries are kept.
func (c *Cache[V]) Len() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}
