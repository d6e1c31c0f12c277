/** User and system time so far of these processes with all their descendants, ms; NaN where there is no /proc. */
export function cpuOfProcesses(pids: readonly number[]): number;
