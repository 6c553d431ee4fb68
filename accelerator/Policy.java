package prox_spark;

/** The thresholds of strict mode; the fields of prox_spark.program.operations.Policy. */
record Policy(
    long minSourceChars,
    long maxMatches,
    long minWords,
    double maxGrowth,
    double maxRejectedShare,
    double minKeptShare) {}
