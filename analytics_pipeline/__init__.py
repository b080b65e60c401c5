"""One right customer table a day, from Lightspeed tills and a web shop.

The layers, each of which may import only what stands before it::

    vocabulary, errors           words and failures that everything shares
    schemas, domain              what tables are; what numbers mean (pure)
    sources, storage, simulator  the world, files, and a small world for trying out
    settings, chain              one shop on this machine, or one of several
    spark, engine, shop          what computes, and where everything of a shop is
    reports                      the page and the plots that people look at
    steps                        what each table is made of, in plain Python
    stories                      what each table is to a person, in plain words
    contracts, gates             what a contract tells Dagster; what stops a table
    presentation                 how a table is shown in the UI
    assets                       names and wiring
    jobs, schedules              when they run
    instance, alerts, sensors    where runs are kept, who is told, what is watched
    probes                       what doctor looks at
    definitions, locations       everything put together, once for each shop
    commands, cli                what a person types
"""
