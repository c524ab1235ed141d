"""The anchor of recommendations: implicit, a library that is widely used for them. Prints one figure as one line of JSON.

    python implicit_knn.py FILE SECONDS MODE   (needs implicit; FILE has a person and a post on each line, as u.data)

The modes and their figures are:

neighbours: microseconds a person to find the three most similar people of everybody (all_pairs_knn), with the better of
    two numbers of threads.
recommend: microseconds a person to recommend five posts to everybody (item to item, K = 20), after one fit.
refit: milliseconds until a new like has an effect: a fit, and one answer.
"""

import json
import os
import sys
import time

import numpy
from implicit.nearest_neighbours import CosineRecommender, all_pairs_knn, normalize
from scipy.sparse import csr_matrix

path, seconds, what = sys.argv[1], float(sys.argv[2]), sys.argv[3]
pairs = numpy.loadtxt(path, dtype=numpy.int64, usecols=(0, 1), ndmin=2)
people, posts = (numpy.unique(column, return_inverse=True)[1] for column in pairs.T)
likes = csr_matrix((numpy.ones(len(people)), (people, posts)))
everybody = numpy.arange(likes.shape[0])


def neighbours(threads):
    # The function compares columns, so the matrix is transposed. Each person is a neighbour of itself, hence 4.
    similar = all_pairs_knn(normalize(likes).T.tocsr(), 4, num_threads=threads, show_progress=False)
    assert similar.shape == (likes.shape[0],) * 2
    return 1e6 / likes.shape[0]


model = CosineRecommender(K=20)


def recommend(_threads):
    model.recommend(everybody, likes, N=5)
    return 1e6 / likes.shape[0]


def refit(_threads):
    model.fit(likes, show_progress=False)
    model.recommend(0, likes[0], N=5)
    return 1e3


if what == "recommend":
    model.fit(likes, show_progress=False)
run = {"neighbours": neighbours, "recommend": recommend, "refit": refit}[what]
best = float("inf")
for threads in sorted({1, os.cpu_count()}) if what == "neighbours" else [0]:
    times = []
    end = time.perf_counter() + seconds / (2 if what == "neighbours" else 1)
    while not times or time.perf_counter() < end:
        begun = time.perf_counter()
        unit = run(threads)
        times.append((time.perf_counter() - begun) * unit)
    best = min(best, sorted(times)[len(times) // 2])
print(json.dumps({"figure": best, "people": int(likes.shape[0]), "likes": int(likes.nnz)}))
