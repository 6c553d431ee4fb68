package prox_spark;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.connector.catalog.functions.BoundFunction;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.connector.catalog.functions.UnboundFunction;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** `execute`: a text and its chunks in, the struct that columns.execute gives out; fields of chunks go by name. */
public final class ExecuteFunction implements ScalarFunction<InternalRow> {
  private static final DataType[] BEHIND_CHUNKS = {
    DataTypes.IntegerType, // the words of the text; negative where they are not known
    DataTypes.BooleanType, // whether it is the answer of a document pass
    DataTypes.LongType, // and the fields of Policy
    DataTypes.LongType,
    DataTypes.LongType,
    DataTypes.DoubleType,
    DataTypes.DoubleType,
    DataTypes.DoubleType
  };
  private static final String OPERATION = "op STRING, line_start INT, line_end INT, source STRING, target STRING";
  private static final String FATE =
      "chunk_index INT, " + OPERATION + ", scope_start INT, scope_end INT, status STRING, reason STRING, found INT, "
          + "words_removed INT";
  private static final StructType RESULT =
      StructType.fromDDL(
          "text STRING, outcome STRING, reason STRING, ops ARRAY<STRUCT<" + FATE + ">>, words_before BIGINT, "
              + "words_after BIGINT");
  private static final InternalRow NOTHING = new GenericInternalRow(RESULT.size());

  private final ArrayType chunks;
  private final Fields ofChunk, ofOperation;
  private final int operations, problems;

  /** Where the fields of a struct are. */
  private record Fields(int size, int[] places) implements java.io.Serializable {
    static Fields of(StructType struct, String... names) {
      int[] places = new int[names.length];
      for (int at = 0; at < names.length; at++) {
        places[at] = struct.fieldIndex(names[at]);
      }
      return new Fields(struct.size(), places);
    }
  }

  /** The function before it is known where the fields of its chunks are. */
  static final class Unbound implements UnboundFunction {
    @Override
    public BoundFunction bind(StructType given) {
      if (given.size() == 2 + BEHIND_CHUNKS.length
          && given.apply(1).dataType() instanceof ArrayType chunks
          && chunks.elementType() instanceof StructType chunk) {
        return new ExecuteFunction(chunks, chunk);
      }
      throw new UnsupportedOperationException("execute is for prox_spark.program.columns.execute alone");
    }

    @Override
    public String name() {
      return "execute";
    }

    @Override
    public String description() {
      return "execute(text STRING, chunks ARRAY<STRUCT<…>>, …)";
    }
  }

  private ExecuteFunction(ArrayType chunks, StructType chunk) {
    this.chunks = chunks;
    ofChunk = Fields.of(chunk, "chunk_index", "line_start", "line_end");
    operations = chunk.fieldIndex("ops");
    problems = chunk.fieldIndex("problems");
    ArrayType ofOps = (ArrayType) chunk.apply(operations).dataType();
    ofOperation = Fields.of((StructType) ofOps.elementType(), "op", "line_start", "line_end", "source", "target");
  }

  /** Is called by Spark, which finds it by its name. */
  public InternalRow invoke(
      UTF8String text,
      ArrayData chunks,
      int knownWords,
      boolean answer,
      long minSourceChars,
      long maxMatches,
      long minWords,
      double maxGrowth,
      double maxRejectedShare,
      double minKeptShare) {
    if (text == null) {
      return NOTHING;
    }
    Chunk[] programs = programs(chunks);
    if (answer) {
      return row(Document.answered(text, programs, knownWords), programs);
    }
    Policy policy = new Policy(minSourceChars, maxMatches, minWords, maxGrowth, maxRejectedShare, minKeptShare);
    return row(Document.edited(text, programs, knownWords, policy), programs);
  }

  /** Reads chunks; those that are NULL, and operations that are, count as not there. */
  private Chunk[] programs(ArrayData array) {
    List<Chunk> read = new ArrayList<>();
    for (int at = 0; array != null && at < array.numElements(); at++) {
      if (!array.isNullAt(at)) {
        InternalRow row = array.getStruct(at, ofChunk.size);
        int wrong = row.isNullAt(problems) ? 0 : row.getArray(problems).numElements();
        int[] places = ofChunk.places;
        Operation[] program = row.isNullAt(operations) ? new Operation[0] : operations(row.getArray(operations));
        read.add(
            new Chunk(integer(row, places[0]), integer(row, places[1]), integer(row, places[2]), program, wrong));
      }
    }
    return read.toArray(new Chunk[0]);
  }

  private Operation[] operations(ArrayData array) {
    List<Operation> read = new ArrayList<>(array.numElements());
    for (int at = 0; at < array.numElements(); at++) {
      if (!array.isNullAt(at)) {
        InternalRow row = array.getStruct(at, ofOperation.size);
        int[] places = ofOperation.places;
        UTF8String name = string(row, places[0]), source = string(row, places[3]), target = string(row, places[4]);
        read.add(new Operation(name, integer(row, places[1]), integer(row, places[2]), source, target));
      }
    }
    return read.toArray(new Operation[0]);
  }

  private static Integer integer(InternalRow row, int at) {
    return row.isNullAt(at) ? null : (Integer) row.getInt(at);
  }

  private static UTF8String string(InternalRow row, int at) {
    return row.isNullAt(at) ? null : row.getUTF8String(at);
  }

  private static InternalRow row(Document document, Chunk[] chunks) {
    List<Object> fates = new ArrayList<>();
    for (Chunk chunk : chunks) {
      for (Operation operation : chunk.operations) {
        fates.add(row(chunk, operation));
      }
    }
    return new GenericInternalRow(
        new Object[] {
          document.text,
          document.outcome,
          document.reason,
          new GenericArrayData(fates.toArray()),
          document.wordsBefore,
          document.wordsAfter
        });
  }

  private static InternalRow row(Chunk chunk, Operation operation) {
    return new GenericInternalRow(
        new Object[] {
          chunk.index,
          operation.name,
          operation.lineStart,
          operation.lineEnd,
          operation.source,
          operation.target,
          chunk.lineStart,
          chunk.lineEnd,
          operation.applied ? Names.APPLIED : Names.REJECTED,
          operation.reason,
          operation.found,
          operation.wordsRemoved
        });
  }

  @Override
  public DataType[] inputTypes() {
    DataType[] types = new DataType[2 + BEHIND_CHUNKS.length];
    types[0] = DataTypes.StringType;
    types[1] = chunks;
    System.arraycopy(BEHIND_CHUNKS, 0, types, 2, BEHIND_CHUNKS.length);
    return types;
  }

  @Override
  public DataType resultType() {
    return RESULT;
  }

  @Override
  public String name() {
    return "execute";
  }
}
