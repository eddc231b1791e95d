package memory

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestTable: a table over a table over a table is a map.
func TestTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := newTable[int, int]()
		layers := []*table[int, int]{&base}
		models := []map[int]int{{}}
		key := rapid.IntRange(0, 6)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				for i, layer := range layers {
					if got := maps.Collect(layer.all()); !maps.Equal(got, models[i]) {
						t.Fatalf("layer %d yields %v, want %v", i, got, models[i])
					}
					for k := range 7 {
						want, there := models[i][k]
						if got, ok := layer.get(k); got != want || ok != there || layer.has(k) != there {
							t.Fatalf("layer %d has %d: %v, want %d: %v", i, got, ok, want, there)
						}
					}
				}
			},
			"put": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), rapid.Int().Draw(t, "value")
				layers[len(layers)-1].put(k, v)
				models[len(models)-1][k] = v
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				layers[len(layers)-1].remove(k)
				delete(models[len(models)-1], k)
			},
			"over": func(t *rapid.T) {
				if len(layers) == 3 {
					t.Skip("deep enough")
				}
				top := layers[len(layers)-1].over()
				layers = append(layers, &top)
				models = append(models, maps.Clone(models[len(models)-1]))
			},
			"merge": func(t *rapid.T) {
				last := len(layers) - 1
				if last == 0 {
					t.Skip("nothing to merge into")
				}
				layers[last].merge()
				models[last-1] = models[last]
				layers, models = layers[:last], models[:last]
			},
			"drop": func(t *rapid.T) {
				last := len(layers) - 1
				if last == 0 {
					t.Skip("nothing to drop")
				}
				layers, models = layers[:last], models[:last]
			},
		})
	})
}
