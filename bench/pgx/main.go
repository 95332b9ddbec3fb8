// Command pgx measures pgx beside the drivers of the bench, as worker.ts does for these:
//
//	pgx structs|maps PLACES TEXTS
//
// PLACES has the servers and TEXTS the statements of the workloads, both as JSON. It reads a line of JSON
// for each measurement from standard input, and answers with a line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// An order names the workload to measure and for how long; Seconds 0 only verifies the answers.
type order struct {
	Workload string
	Seconds  float64
}

// A sample has units of work, seconds on the clock and of this process's CPU time, and peak memory in MB.
type sample struct {
	Units  int     `json:"units"`
	Wall   float64 `json:"wall"`
	CPU    float64 `json:"cpu"`
	Memory float64 `json:"memory"`
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 4 {
		return errors.New("usage: pgx structs|maps PLACES TEXTS")
	}
	var t texts
	if err := json.Unmarshal([]byte(os.Args[3]), &t); err != nil {
		return err
	}
	conn, err := connect(ctx, os.Args[2])
	if err != nil {
		return err
	}
	schema := fmt.Sprintf("bench_%d", os.Getpid())
	workloads := workloadsOf(os.Args[1], t, schema+".items")

	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		var s sample
		// The answer for a workload that is unknown here is that of a peer unable to run it.
		if work, known := workloads[o.Workload]; known {
			if s, err = measure(ctx, conn, work, o.Seconds); err != nil {
				return err
			}
		}
		if err := answers.Encode(s); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, "drop schema if exists "+schema+" cascade"); err != nil {
		return err
	}
	return conn.Close(ctx)
}

func connect(ctx context.Context, places string) (*pgx.Conn, error) {
	var all struct {
		Plain struct {
			Host, User, Database string
			Port                 int
		}
	}
	if err := json.Unmarshal([]byte(places), &all); err != nil {
		return nil, err
	}
	p := all.Plain
	return pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=%s database=%s sslmode=disable",
		p.Host, p.Port, p.User, p.Database))
}

func measure(ctx context.Context, conn *pgx.Conn, work workload, seconds float64) (sample, error) {
	if seconds == 0 {
		return sample{}, work.verify(ctx, conn)
	}
	// The peak is that of the whole life of the process where this fails, which is not Linux.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	before, began := cpuSeconds(), time.Now()
	var s sample
	for s.Wall < seconds {
		units, err := work.step(ctx, conn)
		if err != nil {
			return s, err
		}
		s.Units += units
		s.Wall = time.Since(began).Seconds()
	}
	s.CPU, s.Memory = cpuSeconds()-before, peak()
	return s, nil
}

// cpuSeconds returns the CPU time of all threads, the collector's included, in user and kernel mode.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

func peak() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	found := highWater.FindSubmatch(status)
	if found == nil {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(string(found[1]), 64)
	return kilobytes / 1024
}
