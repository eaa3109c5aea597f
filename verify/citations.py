"""The sources that claims cite, by key."""

CITATIONS = {
    "blanc2020": "G. Blanc, N. Gupta, G. Valiant, P. Valiant: Implicit regularization for deep neural networks driven "
    "by an Ornstein-Uhlenbeck like process. COLT 2020, PMLR 125:483-513.",
    "implicit-reg": "Derived in this project; no printed source.",
}
