"""Lemma 8: the drift of the flat coordinates."""

from verify import places
from verify.claim import Control, Source
from verify.drift_claim import DriftExperiment, drift_claim
from verify.lowering.rule import RuleChoice

SOURCE = Source("blanc2020", "Lemma 8")
STATEMENT = (
    "From a stationary start around a point of zero training error, the mean displacement per step along the zero-loss "
    "manifold, in units of the derived drift, tends to 1 along that drift and to 0 in every other tangent direction as "
    "eta -> 0."
)
HYPOTHESES = ("zero training error at theta*", "independent label noise, variance sigma^2", "full batches: B = n")
SHARED = Control("shared-noise", "world", "one noise value shared by all data points")
QUARTER = RuleChoice(noise_std=0.5)

CLAIMS = (
    drift_claim(
        id="lemma8.drift.tanh",
        title="Drift of label-noise SGD, tanh network (P = 32, N = 3)",
        statement=STATEMENT,
        source=SOURCE,
        hypotheses=HYPOTHESES,
        experiment=DriftExperiment(
            places.tanh,
            QUARTER,
            lrs=(0.02, 0.015, 0.01, 0.0075, 0.005),
            num_replicas=8192,
            worlds={"shared-noise": RuleChoice(noise_std=0.5, sharing="shared")},
        ),
        controls=(SHARED,),
    ),
    drift_claim(
        id="lemma8.drift.quadratic",
        title="Drift of label-noise SGD, quadratic network (P = 20, N = 4)",
        statement=STATEMENT,
        source=SOURCE,
        hypotheses=HYPOTHESES,
        experiment=DriftExperiment(
            places.quadratic, QUARTER, lrs=(0.012, 0.009, 0.006, 0.0045, 0.003), num_replicas=8192
        ),
    ),
    drift_claim(
        id="lemma8.drift.sensing",
        title="Drift of label-noise SGD, matrix sensing (d = 6, N = 8)",
        statement=STATEMENT,
        source=SOURCE,
        hypotheses=HYPOTHESES,
        experiment=DriftExperiment(
            places.sensing, QUARTER, lrs=(0.004, 0.003, 0.002, 0.0015, 0.001), num_replicas=8192, relaxations=4
        ),
    ),
)
