"""The drift, measured with steps in single precision, is the one that is derived."""

import torch

from verify import places
from verify.claims.lemmas.lemma8 import STATEMENT
from verify.claims.precision.paths import FULL, HYPOTHESES, SOURCE
from verify.drift_claim import DriftExperiment, drift_claim

CLAIMS = (
    drift_claim(
        id="precision.single-drift",
        title="Drift of label-noise SGD in single precision, tanh network (P = 32, N = 3)",
        statement="Steps in single precision, all that is measured of them in double. " + STATEMENT,
        source=SOURCE,
        hypotheses=(*HYPOTHESES[:1], "independent label noise, variance sigma^2", "full batches: B = n"),
        experiment=DriftExperiment(
            places.single_tanh,
            FULL,
            lrs=(0.02, 0.01, 0.005),
            num_replicas=8192,
            dtype=torch.float32,
        ),
    ),
)
