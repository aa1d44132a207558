package telemetry

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/cosmic-go/allocation"
)

// rules are the alert rules of Prometheus.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func alerts(t *testing.T) rules {
	t.Helper()
	text, err := os.ReadFile("alerts.yaml")
	require.NoError(t, err)
	var found rules
	require.NoError(t, yaml.Unmarshal(text, &found))
	require.NotEmpty(t, found.Groups)
	return found
}

// Each alert leads to a heading of the runbook, and each heading in the chapter of the alerts has an alert.
func TestEachAlertHasItsEntryInTheRunbook(t *testing.T) {
	page, err := os.ReadFile("../docs/runbook.md")
	require.NoError(t, err)
	_, chapter, found := strings.Cut(string(page), "\n## Alerts\n")
	require.True(t, found, "docs/runbook.md has no alerts")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	entries := map[string]string{}
	for _, entry := range strings.Split(chapter, "\n### ")[1:] {
		heading, text, _ := strings.Cut(entry, "\n")
		entries[heading] = text
	}
	for _, group := range alerts(t).Groups {
		for _, rule := range group.Rules {
			text, found := entries[rule.Alert]
			assert.True(t, found, "docs/runbook.md has a heading ### %s", rule.Alert)
			for _, part := range []string{"**Symptom.**", "**How to see it.**", "**What to do.**"} {
				assert.Contains(t, text, part, "%s", rule.Alert)
			}
			assert.Equal(t, "docs/runbook.md#"+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
			assert.NotEmpty(t, rule.Annotations["summary"], "%s", rule.Alert)
			assert.Contains(t, []string{"page", "ticket"}, rule.Labels["severity"], "%s", rule.Alert)
			delete(entries, rule.Alert)
		}
	}
	assert.Empty(t, entries, "entries without an alert")
}

// `make alerts` runs the tests of the rules, which need promtool.
func TestEachAlertIsProvoked(t *testing.T) {
	text, err := os.ReadFile("alerts_test.yaml")
	require.NoError(t, err)
	var found struct {
		Tests []struct {
			Rules []struct {
				Alert  string `yaml:"alertname"`
				Alerts []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(text, &found))
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range found.Tests {
		for _, rule := range test.Rules {
			fires[rule.Alert] = fires[rule.Alert] || len(rule.Alerts) > 0
			quiet[rule.Alert] = quiet[rule.Alert] || len(rule.Alerts) == 0
		}
	}
	for _, group := range alerts(t).Groups {
		for _, rule := range group.Rules {
			assert.True(t, fires[rule.Alert], "a test provokes %s", rule.Alert)
			assert.True(t, quiet[rule.Alert], "%s is quiet in a test", rule.Alert)
		}
	}
}

// expressions lists the expressions of the alert rules and of the dashboard.
func expressions(t *testing.T) (list []string) {
	t.Helper()
	for _, group := range alerts(t).Groups {
		for _, rule := range group.Rules {
			list = append(list, rule.Expr)
		}
	}
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, "%s", panel.Title)
		for _, target := range panel.Targets {
			list = append(list, target.Expr)
		}
	}
	return list
}

// inPrometheus returns the names that a metric has in Prometheus, and the names of its labels.
func inPrometheus(m metricdata.Metrics) (names, labels []string) {
	name := strings.ReplaceAll(m.Name, ".", "_")
	if !strings.HasPrefix(m.Unit, "{") {
		name += map[string]string{"s": "_seconds"}[m.Unit]
	}
	switch m.Data.(type) {
	case metricdata.Sum[int64]:
		names = []string{name + "_total"}
	case metricdata.Histogram[float64]:
		names = []string{name + "_bucket", name + "_sum", name + "_count"}
	default:
		names = []string{name}
	}
	for _, p := range points(m) {
		for _, a := range p.attributes.ToSlice() {
			labels = append(labels, strings.ReplaceAll(string(a.Key), ".", "_"))
		}
	}
	return names, labels
}

// Every metric and label in the alert rules and in the dashboard is one that the package reports, and every metric of
// the package is in the dashboard.
func TestFilesNameTheMetricsOfThePackage(t *testing.T) {
	s := open(t, Options{})
	s.everything(t)
	labels := map[string]bool{"le": true, "job": true} // of Prometheus itself
	names := map[string]string{}
	for _, m := range s.collect(t) {
		inFiles, keys := inPrometheus(m)
		for _, name := range inFiles {
			names[name] = m.Name
		}
		for _, key := range keys {
			labels[key] = true
		}
	}
	var (
		metric = regexp.MustCompile(`\ballocation_\w+`)
		braces = regexp.MustCompile(`\{([^}]*)\}`)
		label  = regexp.MustCompile(`(\w+)\s*[!=]=?~?\s*"`)
		by     = regexp.MustCompile(`\bby \(([^)]*)\)`)
	)
	shown := map[string]bool{}
	for _, expr := range expressions(t) {
		for _, group := range braces.FindAllStringSubmatch(expr, -1) {
			for _, found := range label.FindAllStringSubmatch(group[1], -1) {
				assert.True(t, labels[found[1]], "label %s in %s", found[1], expr)
			}
		}
		for _, group := range by.FindAllStringSubmatch(expr, -1) {
			for name := range strings.SplitSeq(group[1], ",") {
				assert.True(t, labels[strings.TrimSpace(name)], "label %s in %s", name, expr)
			}
		}
		bare := by.ReplaceAllString(braces.ReplaceAllString(expr, ""), "")
		found := metric.FindAllString(bare, -1)
		assert.NotEmpty(t, found, "metrics in %s", expr)
		for _, name := range found {
			assert.Contains(t, names, name, "%s", expr)
			shown[names[name]] = true
		}
	}
	comment, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, name := range names {
		assert.True(t, shown[name], "the dashboard shows %s", name)
		assert.Contains(t, string(comment), "\n//\t"+name+" ", "the package comment")
	}
}

// Every type of error and every kind of event in an expression exists.
func TestFilesNameErrorsAndEventsOfTheLibrary(t *testing.T) {
	known := map[string]bool{"": true, otherError: true, "out_of_stock": true}
	for _, e := range errorTypes {
		known[e.name] = true
	}
	failed := regexp.MustCompile(`error_type[!=~]+"([^"]*)"`)
	kind := regexp.MustCompile(`event_kind[!=~]+"([^"]*)"`)
	checked := 0
	for _, expr := range expressions(t) {
		for _, found := range failed.FindAllStringSubmatch(expr, -1) {
			for name := range strings.SplitSeq(found[1], "|") {
				assert.True(t, known[name], "type of error %q in %s", name, expr)
				checked++
			}
		}
		for _, found := range kind.FindAllStringSubmatch(expr, -1) {
			_, err := allocation.DecodeEvent(found[1], []byte("{}"))
			require.NoError(t, err, "%s", expr)
			checked++
		}
	}
	assert.GreaterOrEqual(t, checked, 5, "the expressions are looked at")
}
