"""Ingests texts with LlamaIndex: split by sentences, mock vectors, nodes and vectors written to a folder. Prints figures as JSON."""
import json
import resource
import sys
import time

from llama_index.core import Document, MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from importlib.metadata import version

texts, target, chunk_tokens, dimensions = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
begun = time.perf_counter()
with open(texts, encoding="utf-8") as lines:
    rows = [json.loads(line) for line in lines]
documents = [Document(text=row["text"], id_=row["id"]) for row in rows]
embedding = MockEmbedding(embed_dim=dimensions, embed_batch_size=256)
# A tokenizer as cheap as that of the fake embedder on the other side.
splitter = SentenceSplitter(chunk_size=chunk_tokens, chunk_overlap=0, tokenizer=str.split)
nodes = IngestionPipeline(transformations=[splitter, embedding]).run(documents=documents, show_progress=False)
context = StorageContext.from_defaults()
index = VectorStoreIndex(nodes, storage_context=context, embed_model=embedding)
context.persist(target)
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"version": version("llama-index-core"), "documents": len(documents), "chunks": len(nodes), "ms": seconds * 1000, "peakBytes": peak}))
