"""The Spark underneath: sessions, Java and JARs, GPUs as Spark hands them out, files of any file system."""
