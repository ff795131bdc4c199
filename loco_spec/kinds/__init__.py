"""The kinds of workload, one file each: `service` runs today; those that are planned are named, to be refused so."""
