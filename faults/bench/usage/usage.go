// Package usage reads the CPU time and the memory of processes from Linux's accounting.
package usage

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Amounts are CPU times in ms or memory in MB, by process name.
type Amounts map[string]float64

// Total returns the sum over all processes.
func (u Amounts) Total() (total float64) {
	for _, v := range u {
		total += v
	}
	return total
}

// Since returns the difference to an earlier reading.
func (u Amounts) Since(before Amounts) Amounts {
	d := Amounts{}
	for name, v := range u {
		d[name] = v - before[name]
	}
	return d
}

// Per returns the amounts divided by n.
func (u Amounts) Per(n float64) Amounts {
	d := Amounts{}
	for name, v := range u {
		d[name] = v / n
	}
	return d
}

const ticksPerSecond = 100 // USER_HZ, the unit of /proc/PID/stat on every Linux platform

// procStat is the part of /proc/PID/stat that is needed here.
type procStat struct {
	parent int
	ms     float64 // of CPU time: of the process and of the children that it has waited for
}

// CPU returns the CPU time in ms that each process has used since its start, with its children, also those that have exited: for
// PostgreSQL these are the backends.
func CPU(processes map[string]int) (Amounts, error) {
	amounts := Amounts{}
	stats, children, err := processTree()
	if err != nil {
		return nil, err
	}
	for name, pid := range processes {
		if _, ok := stats[pid]; !ok {
			return nil, fmt.Errorf("%s is not running", name)
		}
		for _, p := range descendants(pid, children) {
			amounts[name] += stats[p].ms
		}
	}
	return amounts, nil
}

// Memory returns the resident memory of each process in MB, with its children. Children are taken for forks, as PostgreSQL's backends
// are: their program is not counted again, and memory that they share is counted once.
func Memory(processes map[string]int) (Amounts, error) {
	amounts := Amounts{}
	_, children, err := processTree()
	if err != nil {
		return nil, err
	}
	for name, pid := range processes {
		var shared float64
		for _, p := range descendants(pid, children) {
			status := readStatus(p)
			amounts[name] += status["RssAnon:"] / 1024
			shared = max(shared, status["RssShmem:"]/1024)
		}
		amounts[name] += readStatus(pid)["RssFile:"]/1024 + shared
	}
	return amounts, nil
}

// MachineCPU returns the CPU time in ms that the whole machine has used, or 0 if it is unknown.
func MachineCPU() (ms float64) {
	const user, idle, iowait, steal = 1, 4, 5, 8 // positions in the first line of /proc/stat
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line) {
		if ticks, err := strconv.ParseFloat(field, 64); err == nil && i >= user && i < steal && i != idle && i != iowait {
			ms += ticks * 1000 / ticksPerSecond
		}
	}
	return ms
}

func processTree() (stats map[int]procStat, children map[int][]int, _ error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, nil, err
	}
	stats, children = map[int]procStat{}, map[int][]int{}
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, nil, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the process has exited
		}
		stat, err := parseStat(text)
		if err != nil {
			return nil, nil, fmt.Errorf("parse %s: %w", file, err)
		}
		stats[pid] = stat
		children[stat.parent] = append(children[stat.parent], pid)
	}
	return stats, children, nil
}

// parseStat parses /proc/PID/stat. See proc_pid_stat(5).
func parseStat(text []byte) (s procStat, err error) {
	const parent, utime, cstime = 1, 11, 14 // positions after the program's name, which may contain spaces
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= cstime {
		return s, fmt.Errorf("it has only %d fields", len(fields))
	}
	if s.parent, err = strconv.Atoi(fields[parent]); err != nil {
		return s, err
	}
	for _, field := range fields[utime : cstime+1] {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return s, err
		}
		s.ms += ticks * 1000 / ticksPerSecond
	}
	return s, nil
}

// descendants returns a process, its children, their children and so on.
func descendants(pid int, children map[int][]int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// readStatus returns the numbers of /proc/PID/status, which has lines such as "VmRSS:  1234 kB". It is empty after the exit.
func readStatus(pid int) map[string]float64 {
	numbers := map[string]float64{}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 {
			if n, err := strconv.ParseFloat(words[1], 64); err == nil {
				numbers[words[0]] = n
			}
		}
	}
	return numbers
}
