"""Every solver on linear-quadratic games in plain numpy: iterate the affine map of one step.

The field is ``v(z) = J z + b`` on all players ravelled. ``slices`` holds each player's entries, and ``eta`` the step
size of every entry.
"""

import numpy as np


def simgd(J, b, slices, eta, z, steps, momentum=0.0):
    buffer = np.zeros_like(z)
    for _ in range(steps):
        buffer = momentum * buffer + J @ z + b
        z = z + eta * buffer
    return z


def altgd(J, b, slices, eta, z, steps, momentum=0.0, order=None):
    buffer = np.zeros_like(z)
    z = z.copy()
    for _ in range(steps):
        for player in order or range(len(slices)):
            own = slices[player]
            buffer[own] = momentum * buffer[own] + (J @ z + b)[own]
            z[own] += eta[own] * buffer[own]
    return z


def slingshot(J, b, slices, eta, z, steps):
    forwards = np.ones_like(z)
    forwards[slices[1]] = -1
    for t in range(steps):
        z = z + (-1) ** t * forwards * eta * (J @ z + b)
    return z


def extragradient(J, b, slices, eta, z, steps, extrapolation=None):
    trial = eta if extrapolation is None else extrapolation
    for _ in range(steps):
        z = z + eta * (J @ (z + trial * (J @ z + b)) + b)
    return z


def ogda(J, b, slices, eta, z, steps, correction=None, zero_start=False):
    weight = eta if correction is None else correction
    previous = np.zeros_like(z) if zero_start else J @ z + b
    for _ in range(steps):
        v = J @ z + b
        z, previous = z + eta * v + weight * (v - previous), v
    return z


def conopt(J, b, slices, eta, z, steps, gamma=1.0):
    for _ in range(steps):
        v = J @ z + b
        z = z + eta * (v - gamma * J.T @ v)
    return z


def cgd(J, b, slices, eta, z, steps):
    off = off_diagonal(J, slices)
    for _ in range(steps):
        z = z + np.linalg.solve(np.eye(len(z)) - eta[:, None] * off, eta * (J @ z + b))
    return z


def acgd(J, b, slices, eta, z, steps, decay=0.99, eps=1e-5):
    off = off_diagonal(J, slices)
    square = np.zeros_like(z)
    for t in range(1, steps + 1):
        v = J @ z + b
        square = decay * square + (1 - decay) * v**2
        metric = eta * np.sqrt(1 - decay**t) / (np.sqrt(square) + eps)
        z = z + np.linalg.solve(np.eye(len(z)) - metric[:, None] * off, metric * v)
    return z


def off_diagonal(J, slices):
    off = J.copy()
    for own in slices:
        off[own, own] = 0
    return off


def extragradient_plus(J, b, slices, eta, z, steps, extrapolation):
    return extragradient(J, b, slices, eta, z, steps, extrapolation)


def mirror_prox(J, b, slices, eta, z, steps, potentials=None, extrapolation=None):
    return extragradient(J, b, slices, eta, z, steps, extrapolation)


def forward_backward_forward(J, b, slices, eta, z, steps):
    return extragradient(J, b, slices, eta, z, steps)


def forward_reflected_backward(J, b, slices, eta, z, steps):
    return ogda(J, b, slices, eta, z, steps)


def past_extragradient(J, b, slices, eta, z, steps):
    trial = z
    for _ in range(steps):
        trial = z + eta * (J @ trial + b)
        z = z + eta * (J @ trial + b)
    return z


def alex_gda(J, b, slices, eta, z, steps, gamma=1.5, delta=1.5):
    ahead, z = z.copy(), z.copy()
    for _ in range(steps):
        for player, own in enumerate(slices):
            seen = ahead.copy()
            seen[own] = z[own]
            move = eta[own] * (J @ seen + b)[own]
            ahead[own] = z[own] + (delta if player else gamma) * move
            z[own] += move
    return z


def anchored_extragradient(J, b, slices, eta, z, steps):
    start = z
    for k in range(steps):
        pull = (start - z) / (k + 2)
        trial = z + pull + eta * (J @ z + b)
        z = z + pull + eta * (J @ trial + b)
    return z


def halpern(J, b, slices, eta, z, steps):
    start = trial = z
    for k in range(steps):
        pull = (start - z) / (k + 2)
        trial = z + pull + eta * (J @ trial + b)
        z = z + pull + eta * (J @ trial + b)
    return z


def anchored_optimism(J, b, slices, eta, z, steps):
    start, past = z, J @ z + b
    for k in range(steps):
        weight = 2 / (k + 6)
        anchored = (1 - weight) * z + weight * start
        past = J @ (anchored + (1 - weight) * eta * past) + b
        z = anchored + eta * past
    return z


def anchored_gda(J, b, slices, eta, z, steps, pull=2.0, power=0.5, shift=2.0):
    start = z
    for k in range(steps):
        z = z + eta / (k + shift) ** power * (J @ z + b) + pull / (k + shift) * (start - z)
    return z


def fast_extragradient(J, b, slices, eta, z, steps):
    start = z
    for k in range(steps):
        anchored = (k * z + start) / (k + 1)
        trial = anchored + k / (k + 1) * eta * (J @ z + b)
        z = anchored + eta * (J @ trial + b)
    return z


def dual_anchored_extragradient(J, b, slices, eta, z, steps, period):
    for k in range(steps):
        left = period - k % period
        if left == period:
            memory = np.zeros_like(z)
        v = J @ z + b
        trial = z + eta * (v + memory)
        ahead = J @ trial + b
        z = trial + (left - 1) / left * eta * (ahead - v)
        memory = (left - 1) / left * memory - ahead / left
    return z


def flip_flop_extragradient(J, b, slices, eta, z, steps):
    for _ in range(steps):
        start = z
        for _ in range(2):
            z = z + eta * (J @ (z + eta / 2 * (J @ z + b)) + b)
        z = (start + z) / 2
    return z


def runge_kutta(J, b, slices, eta, z, steps, order=4, penalty=0.0):
    E, identity, off = eta[:, None] * J, np.eye(len(z)), off_diagonal(J, slices)
    series = {1: identity, 2: identity + E / 2, 4: identity + E / 2 + E @ E / 6 + E @ E @ E / 24}[order]
    for _ in range(steps):
        v = J @ z + b
        z = z + series @ (eta * v) - eta * penalty * (2 * off.T @ v)
    return z


def jare(J, b, slices, eta, z, steps, gamma):
    off = off_diagonal(J, slices)
    for _ in range(steps):
        v = J @ z + b
        z = z + eta * (v - gamma * off.T @ v)
    return z


def hamiltonian(J, b, slices, eta, z, steps):
    for _ in range(steps):
        z = z - eta * (J.T @ (J @ z + b))
    return z


def sga(J, b, slices, eta, z, steps, lam=1.0, align=False, eps=0.1):
    A = (J - J.T) / 2
    for _ in range(steps):
        xi, J_xi = -(J @ z + b), -J
        turned = (J_xi.T - J_xi) / 2 @ xi
        pull = J_xi.T @ xi
        sign = np.sign((xi @ pull) * (turned @ pull) / len(z) + eps) if align else 1
        np.testing.assert_allclose(turned, A @ xi)
        z = z - eta * (xi + sign * lam * turned)
    return z


def crossing_the_curl(J, b, slices, eta, z, steps):
    for _ in range(steps):
        z = z + eta * ((J - J.T) @ (J @ z + b))
    return z


def lead(J, b, slices, eta, z, steps, alpha, beta):
    off, previous = off_diagonal(J, slices), z
    for _ in range(steps):
        change, previous = z - previous, z
        z = z + beta * change + eta * (J @ z + b) + alpha * off @ change
    return z


def opponent_lookahead(J, b, slices, eta, z, steps, alpha=None):
    off, assumed = off_diagonal(J, slices), eta if alpha is None else alpha
    for _ in range(steps):
        v = J @ z + b
        z = z + eta * (v + off @ (assumed * v))
    return z


def lcgd(J, b, slices, eta, z, steps):
    return opponent_lookahead(J, b, slices, eta, z, steps)


def shaping(J, b, slices, assumed, z, zero_sum):
    """Return ``chi_i = sum_j D_j (d xi_j / d z_i)^T d loss_i / d z_j`` by its definition."""
    v, chi = J @ z + b, np.zeros_like(z)
    for i in slices:
        for j in slices:
            if i is not j:
                stake = v[j] if zero_sum else -J[i, j].T @ z[i]  # d loss_i / d z_j
                chi[i] += (-J[j, i]).T @ (assumed[j] * stake)
    return chi


def lola(J, b, slices, eta, z, steps, alpha=None, zero_sum=False):
    off, assumed = off_diagonal(J, slices), eta if alpha is None else alpha * np.ones_like(z)
    for _ in range(steps):
        xi = -(J @ z + b)
        z = z - eta * (xi + off @ (assumed * xi) - shaping(J, b, slices, assumed, z, zero_sum))
    return z


def sos(J, b, slices, eta, z, steps, alpha=None, a=0.5, b_norm=0.1, zero_sum=False):
    off, assumed = off_diagonal(J, slices), eta if alpha is None else alpha * np.ones_like(z)
    for _ in range(steps):
        xi = -(J @ z + b)
        ahead, chi = xi + off @ (assumed * xi), shaping(J, b, slices, assumed, z, zero_sum)
        against = -chi @ ahead
        first = 1 if against >= 0 else min(1, -a * ahead @ ahead / against)
        second = xi @ xi if np.linalg.norm(xi) < b_norm else 1
        z = z - eta * (ahead - min(first, second) * chi)
    return z


def proximal(J, b, slices, eta, z, steps, iterations=1):
    for _ in range(steps):
        z = np.linalg.solve(np.eye(len(z)) - eta[:, None] * J, z + eta * b)
    return z


def competitive_mirror_descent(J, b, slices, eta, z, steps, potentials=None):
    return cgd(J, b, slices, eta, z, steps)


def newton(J, b, slices, eta, z, steps):
    for _ in range(steps):
        z = z - eta * np.linalg.solve(J, J @ z + b)
    return z


def levenberg_marquardt(J, b, slices, eta, z, steps, damping=1.0):
    for _ in range(steps):
        z = z - eta * np.linalg.solve(J.T @ J + damping * np.eye(len(z)), J.T @ (J @ z + b))
    return z


def lss(J, b, slices, eta, z, steps, regularisation=1e-4):
    for _ in range(steps):
        v = J @ z + b
        shift = regularisation * (1 - np.exp(-v @ v))
        z = z + eta / 2 * (v + J.T @ np.linalg.solve(J.T @ J + shift * np.eye(len(z)), J.T @ v))
    return z


def total_descent(J, b, slices, z, zero_sum):
    """Return ``f_x - g_xy g_yy^-1 f_y`` in losses f of the leader and g of the follower."""
    x, y = slices
    v = J @ z + b
    f_y = v[y] if zero_sum else -J[x, y].T @ z[x]
    g_yy, g_yx = -J[y, y], -J[y, x]
    return -v[x] - g_yx.T @ np.linalg.solve(g_yy, f_y)


def stackelberg(J, b, slices, eta, z, steps, zero_sum=False):
    x, y = slices
    for _ in range(steps):
        leader = total_descent(J, b, slices, z, zero_sum)
        z = z + np.concatenate([-eta[x] * leader, eta[y] * (J @ z + b)[y]])
    return z


def follow_the_ridge(J, b, slices, eta, z, steps, total=False, zero_sum=False):
    x, y = slices
    for _ in range(steps):
        v = J @ z + b
        leader = total_descent(J, b, slices, z, zero_sum) if total else -v[x]
        move = -eta[x] * leader
        answer = eta[y] * v[y] - np.linalg.solve(-J[y, y], -J[y, x] @ move)
        z = z + np.concatenate([move, answer])
    return z


def tiada(J, b, slices, eta, z, steps, alpha=0.6, beta=0.4):
    sums = np.zeros(len(slices))
    for _ in range(steps):
        v = J @ z + b
        sums += [v[own] @ v[own] for own in slices]
        powers = np.array([sums.max() ** alpha, *sums[1:] ** beta])
        z = z + eta * v / np.repeat(powers, [own.stop - own.start for own in slices])
    return z


def tiada_coordinates(J, b, slices, eta, z, steps, alpha=0.6, beta=0.4):
    squares = np.zeros_like(z)
    for _ in range(steps):
        v = J @ z + b
        squares += v**2
        totals = [squares[own].sum() for own in slices]
        powers = squares**beta
        powers[slices[0]] = squares[slices[0]] ** alpha * (max(totals) / totals[0]) ** alpha
        z = z + eta * v / powers
    return z


def lookahead(J, b, slices, eta, z, steps, period=6, alpha=0.5):
    slow = z
    for t in range(1, steps + 1):
        z = z + eta * (J @ z + b)
        if t % period == 0:
            z = slow = slow + alpha * (z - slow)
    return z


def payoffs(J, b, slices, zero_sum):
    """Return Q_i and q_i of every payoff ``z^T Q_i z / 2 + q_i^T z``, without terms that no player moves."""
    for i, own in enumerate(slices):
        Q, q = np.zeros_like(J), np.zeros_like(b)
        Q[own], Q[:, own], q[own] = J[own], J[own].T, b[own]
        if zero_sum:
            (other,) = [own for j, own in enumerate(slices) if j != i]
            Q[other, other], q[other] = -J[other, other], -b[other]
        yield Q, q


def slope(Q, q, W, w, own):
    """Return S and s of the gradient ``S z + s`` in one player of its payoff at ``W z + w``."""
    return W[:, own].T @ Q @ W, W[:, own].T @ (Q @ w + q)


def learned(J, b, W, w, assumed, movers):
    """Return W and w after a gradient step of some players."""
    W, w, moves, shifts = W.copy(), w.copy(), assumed[:, None] * (J @ W), assumed * (J @ w + b)
    for own in movers:
        W[own], w[own] = W[own] + moves[own], w[own] + shifts[own]
    return W, w


def still(slices, i):
    return [own for own in slices if own is not i]


def ascend(slopes, eta, z, steps):
    S, s = (np.concatenate(parts) for parts in zip(*slopes, strict=True))
    for _ in range(steps):
        z = z + eta * (S @ z + s)
    return z


def hola(J, b, slices, eta, z, steps, alpha=None, order=2, zero_sum=False):
    assumed = eta if alpha is None else alpha * np.ones_like(z)
    slopes = [(J[own], b[own]) for own in slices]
    for _ in range(order):
        S, s = (np.concatenate(parts) for parts in zip(*slopes, strict=True))
        slopes = []
        for own, (Q, q) in zip(slices, payoffs(J, b, slices, zero_sum), strict=True):
            W, w = np.eye(len(z)) + assumed[:, None] * S, assumed * s
            W[own], w[own] = np.eye(len(z))[own], 0
            slopes.append(slope(Q, q, W, w, own))
    return ascend(slopes, eta, z, steps)


def unrolled_lola(J, b, slices, eta, z, steps, alpha=None, lookahead=2, zero_sum=False):
    assumed, slopes = eta if alpha is None else alpha * np.ones_like(z), []
    for own, (Q, q) in zip(slices, payoffs(J, b, slices, zero_sum), strict=True):
        W, w = np.eye(len(z)), np.zeros_like(z)
        for _ in range(lookahead):
            W, w = learned(J, b, W, w, assumed, still(slices, own))
        slopes.append(slope(Q, q, W, w, own))
    return ascend(slopes, eta, z, steps)


def meta_mapg(J, b, slices, eta, z, steps, alpha=None, horizon=2, zero_sum=False):
    assumed, slopes = eta if alpha is None else alpha * np.ones_like(z), []
    for own, (Q, q) in zip(slices, payoffs(J, b, slices, zero_sum), strict=True):
        W, w, S, s = np.eye(len(z)), np.zeros_like(z), 0, 0
        for _ in range(horizon):
            W, w = learned(J, b, W, w, assumed, slices)
            S, s = (old + new for old, new in zip((S, s), slope(Q, q, W, w, own), strict=True))
        slopes.append((S, s))
    return ascend(slopes, eta, z, steps)


def pola(J, b, slices, eta, z, steps, alpha=None, penalty=1.0, iterations=10, zero_sum=False):
    assumed = eta if alpha is None else alpha * np.ones_like(z)
    for _ in range(steps):
        reached = z.copy()
        for own, (Q, q) in zip(slices, payoffs(J, b, slices, zero_sum), strict=True):
            S, s = slope(Q, q, *learned(J, b, np.eye(len(z)), np.zeros_like(z), assumed, still(slices, own)), own)
            trial = z.copy()
            for _ in range(iterations):
                trial[own] += eta[own] * (S @ trial + s - penalty * (trial - z)[own])
            reached[own] = trial[own]
        z = reached
    return z


def magnetic_mirror_descent(J, b, slices, eta, z, steps, alpha=0.1, period=3, potentials=None):
    reference = z
    for step in range(steps):
        reference = reference if step % period else z
        z = (z + eta * (J @ z + b) + eta * alpha * reference) / (1 + eta * alpha)
    return z


def pdhg(J, b, slices, eta, z, steps):
    return alex_gda(J, b, slices, eta, z, steps, gamma=2.0, delta=1.0)


def restarted(J, b, slices, eta, z, steps, every=3, factor=0.37):
    """On the whole space the gap is the norm of the field."""
    iterates, gap = [], np.inf
    for _ in range(steps):
        z = z + eta * (J @ z + b)
        iterates.append(z)
        mean = np.mean(iterates, axis=0)
        found = np.linalg.norm(J @ mean + b)
        if len(iterates) % every == 0 and found <= factor * gap:
            z, iterates, gap = mean, [], found
    return z
