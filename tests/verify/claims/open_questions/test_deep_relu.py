from verify.claims.open_questions.deep_relu import fewest_changes


def test_the_first_seven_points_of_figure_2_need_two_changes_of_convexity():
    assert fewest_changes() == 2
