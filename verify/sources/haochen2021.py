"""HaoChen et al. (COLT 2021): the abstract, and the runs of a diagonal network that the authors' own code makes.

The code is github.com/jhaochenz/noise-implicit-bias. Its label noise is a normal number where the text has a sign.
"""

from verify.bibliography import Item, Paper

PAPER = Paper(
    "haochen2021",
    "J. Z. HaoChen, C. Wei, J. D. Lee, T. Ma: Shape matters: understanding the implicit bias of the noise covariance. "
    "COLT 2021, arXiv:2006.08680.",
    (
        Item("Abstract: label noise", "SGD with label noise recovers the sparse ground truth"),
        Item("Abstract: arbitrary initialization", "it does so from any start"),
        Item("Abstract: Gaussian noise", "SGD with Gaussian noise or gradient descent overfits to dense solutions"),
        Item("Abstract: mini-batches", "noise induced by mini-batches is far more effective than Gaussian noise"),
        Item("Abstract: noise variance", "parameter-dependent noise prefers minima with smaller noise variance"),
        Item("Abstract: spherical noise", "spherical Gaussian noise has no such bias"),
        Item("code: train_quadratic.py --opt=GD", "no noise: d = 100, 40 data, 5 ones, v = 1, lr .01, 300,000 steps"),
        Item("code: train_quadratic.py --opt=LNGD", "label noise 1 on one random datum, lr / 10 at 1e5 and at 2e5"),
        Item("code: train_quadratic.py --opt=SGLD", "noise .01 N(0, 1) on each derivative, 1,200,000 steps"),
        Item("code: train_quadratic.py --opt=SGD", "mini-batch noise: a random datum's gradient minus another's"),
    ),
)
