"""What every table of the pipeline is: exact columns, in order, of exact types."""

import pandera.pandas as pa


class Table(pa.DataFrameModel):
    """A table whose columns are exactly the declared ones, in the declared order."""

    class Config:
        """An unexpected column is an event, not a surprise later on."""

        strict = True
        ordered = True
