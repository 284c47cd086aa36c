package docs

import (
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// On-demand list price of us-east-1 for the Standard table class, in dollars per
// million request units, since 1 November 2024. https://aws.amazon.com/dynamodb/pricing/on-demand/
const (
	priceOfWrites = 0.625
	priceOfReads  = 0.125
)

// Of DynamoDB. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
// and on-demand-capacity-mode.html, bp-partition-key-design.html
const (
	partitionWrites = 1000  // write units a second
	partitionReads  = 3000  // read units a second
	newTableWrites  = 4000  // of a new table with on-demand capacity
	quotaWrites     = 40000 // of a table, unless a higher quota is asked for
)

// Of this library.
const (
	renewals     = 3                // in a TTL
	lookUnits    = 0.5              // of a look while waiting: an eventually consistent read
	earlyLooks   = 5.0              // a second, at first
	lateLooks    = 1.0              // a second, then
	earlyWaiting = 10 * time.Second // how long "at first" is
	pairWrites   = 2                // to acquire and release

	transactWrites = 2 // of each write in a transaction. developerguide/transaction-apis.html, "Capacity management for transactions"
)

var fill = flag.Bool("fill", false, "write the tables of costs into performance.md")

const month = 730 * time.Hour // as AWS's own calculator has it

// Each table of costs in performance.md is what this arithmetic says.
func TestPerformanceCosts(t *testing.T) {
	text, err := os.ReadFile("performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{
		"operations": costOfOperations(), "leases": costOfLeases(), "waiting": costOfWaiting(),
		"growth": costGrowth(), "limits": costLimits(),
	} {
		opening, closing := "<!-- cost:"+name+" -->\n", "<!-- /cost -->"
		want := opening + table + closing
		if *fill {
			before, rest, _ := strings.Cut(string(text), opening)
			_, after, _ := strings.Cut(rest, closing)
			text = []byte(before + want + after)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("performance.md has not this table:\n%s", want)
		}
	}
	if *fill {
		if err := os.WriteFile("performance.md", text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(string(text), "<!-- cost:"); got != 5 {
		t.Errorf("performance.md has %d tables of costs, want 5", got)
	}
	for _, price := range []float64{priceOfWrites, priceOfReads} {
		if want := fmt.Sprintf("$%.3f", price); !strings.Contains(string(text), want) {
			t.Errorf("performance.md does not name the price %s", want)
		}
	}
}

func dollarsOfWrites(n float64) float64 { return n * priceOfWrites / 1e6 }
func dollarsOfReads(n float64) float64  { return n * priceOfReads / 1e6 }

// renewedIn is how many writes renew one lease, or one session, for so long.
func renewedIn(d, ttl time.Duration) float64 { return d.Seconds() * renewals / ttl.Seconds() }

// waitedUnits are the read units of one process that waits for one name.
func waitedUnits(d time.Duration) float64 {
	early := min(d, earlyWaiting)
	return lookUnits * (earlyLooks*early.Seconds() + lateLooks*(d-early).Seconds())
}

func costOfOperations() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| operation | requests | capacity units | a million of them |")
	fmt.Fprintln(&b, "|---|---|---|---|")
	for _, op := range []struct {
		name, requests string
		writes, reads  float64
	}{
		{"acquire a free lock", "1 UpdateItem", 1, 0},
		{"renew", "1 UpdateItem", 1, 0},
		{"release", "1 UpdateItem", 1, 0},
		{"acquire and release", "2 UpdateItem", pairWrites, 0},
		{"acquire 10 free locks at once (`AcquireAll`)", "1 TransactWriteItems", 10 * transactWrites, 0},
		{"release 10 locks", "10 UpdateItem", 10, 0},
		{"hand over inside a process", "none", 0, 0},
		{"hand over between processes", "1 UpdateItem to release, 1 GetItem that sees it, 1 UpdateItem", 2, lookUnits},
		{"take over a dead holder's lock", "2 UpdateItem", 2, 0},
		{"`TryAcquire` on a lock that another process holds", "1 UpdateItem, refused", 1, 0},
		{"a look while waiting", "1 GetItem, eventually consistent", 0, lookUnits},
		{"inspect", "1 GetItem, consistent", 0, 1},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", op.name, op.requests, unitsText(op.writes, op.reads), exactly(1e6*(dollarsOfWrites(op.writes)+dollarsOfReads(op.reads))))
	}
	return b.String()
}

func costOfLeases() string {
	const leases = 10000
	var b strings.Builder
	fmt.Fprintln(&b, "| TTL | each lease renewed by itself: writes a second | a month | one session for all: writes a second | a month |")
	fmt.Fprintln(&b, "|---|---|---|---|---|")
	for _, ttl := range []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute} {
		one := renewedIn(month, ttl)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", span(ttl),
			short(leases*renewedIn(time.Second, ttl)), dollars(dollarsOfWrites(leases*one)),
			short(renewedIn(time.Second, ttl)), dollars(dollarsOfWrites(one)))
	}
	return b.String()
}

func costOfWaiting() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| one process waits for one name | looks | read units | costs |")
	fmt.Fprintln(&b, "|---|---|---|---|")
	for _, d := range []time.Duration{time.Second, earlyWaiting, time.Minute, time.Hour, 24 * time.Hour, month} {
		units := waitedUnits(d)
		name := span(d)
		if d == month {
			name = "a month"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, short(units/lookUnits), short(units), dollars(dollarsOfReads(units)))
	}
	return b.String()
}

func costGrowth() string {
	const ttl = 30 * time.Second
	hour := waitedUnits(time.Hour)
	var b strings.Builder
	fmt.Fprintln(&b, "| of what | requests grow | 1 costs an hour | 1,000 cost an hour |")
	fmt.Fprintln(&b, "|---|---|---|---|")
	row := func(what, how string, one, thousand float64) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", what, how, dollars(one), dollars(thousand))
	}
	lease := dollarsOfWrites(renewedIn(time.Hour, ttl))
	row("goroutines of one process that wait for one name", "not at all: one of them looks", dollarsOfReads(hour), dollarsOfReads(hour))
	row("processes that wait for one name", "with their number", dollarsOfReads(hour), 1000*dollarsOfReads(hour))
	row("names that one process waits for", "with their number", dollarsOfReads(hour), 1000*dollarsOfReads(hour))
	row("leases held, TTL 30 s, each renewed by itself", "with their number, and with 1/TTL", lease, 1000*lease)
	row("leases held by one process, TTL 30 s, shared heartbeat", "not at all, but for one write more a lease, once", lease, lease+dollarsOfWrites(1000))
	row("processes that hold leases, TTL 30 s, shared heartbeat", "with their number", lease, 1000*lease)
	row("names that exist and nobody wants", "not at all", 0, 0)
	return b.String()
}

func costLimits() string {
	const ttl = 30 * time.Second
	perLease := renewedIn(time.Second, ttl)
	var b strings.Builder
	fmt.Fprintln(&b, "| what | limit | ends at |")
	fmt.Fprintln(&b, "|---|---|---|")
	row := func(what, limit string, n float64, unit string) {
		fmt.Fprintf(&b, "| %s | %s | %s %s |\n", what, limit, grouped(n), unit)
	}
	row("acquire and release on one name, each by a request", "1,000 writes a second of the item's partition", partitionWrites/pairWrites, "pairs a second")
	row("processes that wait for one name, in their first seconds", "3,000 read units a second of the item's partition", partitionReads/(earlyLooks*lookUnits), "processes")
	row("processes that wait for one name, later", "the same", partitionReads/(lateLooks*lookUnits), "processes")
	row("leases renewed by themselves, TTL 30 s, in one partition", "1,000 writes a second", partitionWrites/perLease, "leases")
	row("the same in a new on-demand table", "4,000 writes a second", newTableWrites/perLease, "leases")
	row("the same with a table's default quota", "40,000 writes a second", quotaWrites/perLease, "leases")
	row("processes with a shared heartbeat, TTL 30 s, with the default quota", "the same", quotaWrites/perLease, "processes, whatever the number of their leases")
	return b.String()
}

func unitsText(writes, reads float64) string {
	var parts []string
	if writes > 0 {
		parts = append(parts, fmt.Sprintf("%g write%s", writes, plural(writes)))
	}
	if reads > 0 {
		parts = append(parts, fmt.Sprintf("%g read%s", reads, plural(reads)))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func plural(n float64) string {
	if n > 1 {
		return "s"
	}
	return ""
}

// exactly is a multiple of the prices, in full.
func exactly(v float64) string {
	if v == 0 {
		return "nothing"
	}
	return fmt.Sprintf("$%.5g", v)
}

// dollars keeps cents of what is dear and two digits of what is not.
func dollars(v float64) string {
	switch {
	case v == 0:
		return "nothing"
	case v >= 100:
		return "$" + grouped(math.Round(v))
	case v >= 0.1:
		return fmt.Sprintf("$%.2f", v)
	}
	digits := 1 - int(math.Floor(math.Log10(v)))
	return fmt.Sprintf("$%.*f", digits, v)
}

// short writes a number with at most three digits behind the point.
func short(v float64) string {
	if v >= 1000 {
		return grouped(math.Round(v))
	}
	return fmt.Sprintf("%.3g", v)
}

// grouped separates thousands.
func grouped(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// span is a duration in words.
func span(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}

// pooled is the client that performance.md advises.
func pooled() *awshttp.BuildableClient {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	})
	return client
}

func TestPerformancePool(t *testing.T) {
	if got := pooled().GetTransport().MaxIdleConnsPerHost; got != 256 {
		t.Errorf("MaxIdleConnsPerHost = %d, want 256", got)
	}
}
