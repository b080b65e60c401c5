from analytics_pipeline.simulator.rate_limit import RateLimit, limit_for


class Watch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_three_registers_may_make_950_requests():
    assert limit_for(3) == 950


def test_the_window_begins_with_its_first_request_and_ends_after_its_length():
    watch = Watch()
    limiter = RateLimit(300, watch)
    watch.seconds = 100
    assert [limiter.take(2), limiter.take(2)] == [None, None]
    watch.seconds = 250

    assert limiter.take(2) == 150
    assert limiter.remaining(2) == 0
    watch.seconds = 400
    assert limiter.remaining(2) == 2
    assert limiter.take(2) is None
